from hypothesis import given
from hypothesis import strategies as st

from opsconductor.logql.result import Entry, StreamResult
from opsconductor.logs.follower import list_dropped, split_streams

STREAMS = st.lists(
    st.builds(
        lambda name, lines: StreamResult(
            {"a": name}, {"a": name}, [Entry(time, line, {}, {}) for time, line in enumerate(lines)]
        ),
        st.sampled_from("xyz"),
        st.lists(st.text("ab", max_size=9), max_size=6),
    ),
    max_size=4,
)


def entries(streams):
    return [(one.labels["a"], entry.time_ns, entry.line) for one in streams for entry in one.entries]


@given(STREAMS, st.integers(1, 20))
def test_messages_hold_every_entry_once_and_stay_small(streams, size):
    messages = list(split_streams(streams, size))
    assert [found for message in messages for found in entries(message)] == entries(streams)
    for message in messages:
        lines = [line for _, _, line in entries(message)]
        assert lines
        assert len(lines) == 1 or sum(len(line) or 1 for line in lines) <= size + 1


@given(STREAMS, st.integers(-3, 8))
def test_dropped_entries_are_named_up_to_the_room_there_is(streams, room):
    named = [(labels["a"], time) for time, labels in list_dropped(streams, room)]
    assert named == [(name, time) for name, time, _ in entries(streams)][: max(room, 0)]

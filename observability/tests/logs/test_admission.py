from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsconductor.logs.admission import admit, format_refusals
from opsconductor.logs.config import parse_config
from opsconductor.logs.decoding import DecodedPush
from opsconductor.logs.series import SeriesCache
from opsconductor.logs.table import METADATA_TYPE, ROW_SCHEMA

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
LIMITS = parse_config("", "loki.yml").limits


def make_push(*streams):
    """streams: (labels, [(time, line[, metadata])])."""
    entries = [entry for _, some in streams for entry in some]
    metadata = [list(entry[2].items()) if len(entry) > 2 else [] for entry in entries]
    return DecodedPush(
        [labels for labels, _ in streams],
        np.cumsum([0, *(len(some) for _, some in streams)], dtype=np.int64),
        np.array([entry[0] for entry in entries], np.int64),
        pa.array([entry[1].encode() for entry in entries], pa.binary()),
        pa.array(metadata, METADATA_TYPE) if any(metadata) else None,
    )


def admit_all(push, limits=LIMITS, oldest_kept=0):
    return admit(push, SeriesCache(limits), limits, NOW, oldest_kept)


def test_good_entries_pass_with_their_series():
    found = admit_all(make_push(('{b="2",a="1"}', [(NOW, "one"), (NOW - 1, "two")]), ('{c="3"}', [(NOW, "three")])))
    assert found.rows.schema == ROW_SCHEMA
    assert found.rows.column("line").to_pylist() == ["one", "two", "three"]
    assert found.rows.column("time").to_pylist() == [NOW, NOW - 1, NOW]
    texts = {one.id: one.text for one in found.series}
    series = [texts[number] for number in found.rows.column("series").to_pylist()]
    assert series == ['{a="1", b="2"}', '{a="1", b="2"}', '{c="3"}']
    assert (found.bytes, found.refusals, found.streams) == (11, (), 2)


def test_one_label_set_written_in_two_ways_is_one_series():
    found = admit_all(make_push(('{a="1",b="2"}', [(NOW, "x")]), ('{ b="2", a="1", c="" }', [(NOW, "y")])))
    assert len(found.series) == 1
    assert len(set(found.rows.column("series").to_pylist())) == 1


HOUR = 3600 * SECOND


@pytest.mark.parametrize(
    ("entry", "reason", "message"),
    [
        (
            (NOW - 169 * HOUR, "x"),
            "greater_than_max_sample_age",
            "entry for stream '{a=\"b\"}' has timestamp too old: 2023-11-07T21:13:20Z, oldest acceptable",
        ),
        (
            (NOW + HOUR, "x"),
            "too_far_in_future",
            "entry for stream '{a=\"b\"}' has timestamp too new: 2023-11-14T23:13:20Z",
        ),
        (
            (NOW, "x" * (256 * 1024 + 1)),
            "line_too_long",
            "max entry size '262144' bytes exceeded for stream '{a=\"b\"}' while adding an entry with length '26",
        ),
        (
            (NOW, "x", {"k": "v" * 65536}),
            "structured_metadata_too_large",
            "stream '{a=\"b\"}' has structured metadata",
        ),
        (
            (NOW, "x", {f"k{n}": "v" for n in range(129)}),
            "structured_metadata_too_many",
            "stream '{a=\"b\"}' has too",
        ),
    ],
)
def test_a_bad_entry_is_refused_and_spares_its_neighbours(entry, reason, message):
    found = admit_all(make_push(('{a="b"}', [(NOW, "before"), entry, (NOW, "after")])))
    assert found.rows.column("line").to_pylist() == ["before", "after"]
    (refusal,) = found.refusals
    assert (refusal.reason, refusal.entries) == (reason, 1)
    assert refusal.message.startswith(message)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("{}", "error at least one label pair is required per stream"),
        ('{a=""}', "error at least one label pair is required per stream"),
        ("no labels", "error parsing labels 'no labels' with error: "),
        ('{a="b", a="c"}', "error parsing labels"),
        ("{" + ",".join(f'l{n}="v"' for n in range(16)) + "}", "entry for stream '{l0="),
        ('{%s="v"}' % ("n" * 1025), "stream '{n"),
        ('{a="%s"}' % ("v" * 2049), "stream '{a="),
    ],
)
def test_a_bad_stream_is_refused_and_spares_the_others(labels, message):
    found = admit_all(make_push((labels, [(NOW, "bad"), (NOW, "bad")]), ('{a="b"}', [(NOW, "good")])))
    assert found.rows.column("line").to_pylist() == ["good"]
    (refusal,) = found.refusals
    assert (refusal.reason, refusal.entries) == ("invalid_labels", 2)
    assert refusal.message.startswith(message)


def test_limits_are_inclusive():
    labels = "{" + ",".join(f'l{n}="{"v" * 2048}"' for n in range(15)) + "}"
    entries = [
        (NOW - 168 * HOUR, "x"),
        (NOW + HOUR // 6, "x"),
        (NOW, "x" * 262144, {f"k{n}": "v" for n in range(128)}),
    ]
    assert admit_all(make_push((labels, entries))).refusals == ()


def test_old_entries_within_retention_are_taken_when_the_limit_is_off():
    limits = replace(LIMITS, reject_old_samples=False)
    push = make_push(('{a="b"}', [(NOW - 1000 * HOUR, "old"), (NOW - 10 * HOUR, "older than retention")]))
    assert admit_all(push, limits).rows.num_rows == 2
    push = make_push(('{a="b"}', [(NOW - 10 * HOUR, "gone"), (NOW - HOUR, "kept")]))
    assert admit_all(push, limits, NOW - 2 * HOUR).rows.column("line").to_pylist() == ["kept"]


def test_long_lines_are_cut_when_asked_for():
    limits = replace(LIMITS, max_line_size=4, max_line_size_truncate=True)
    found = admit_all(make_push(('{a="b"}', [(NOW, "abcdef"), (NOW, "aé€x"), (NOW, "ab")])), limits)
    assert found.rows.column("line").to_pylist() == ["abcd", "aé\ufffd", "ab"]
    assert found.refusals == ()


def test_the_answer_counts_each_reason_once():
    stream = ('{a="b"}', [(NOW + HOUR, "x"), (NOW + 2 * HOUR, "y"), (NOW, "x" * 262145)])
    text = format_refusals(admit_all(make_push(stream, ("{}", [(NOW, "x")]))).refusals)
    assert text == (
        "error at least one label pair is required per stream; "
        "2 errors like: entry for stream '{a=\"b\"}' has timestamp too new: 2023-11-14T23:13:20Z; "
        "max entry size '262144' bytes exceeded for stream '{a=\"b\"}' "
        "while adding an entry with length '262145' bytes"
    )


def test_the_answer_stays_short():
    push = make_push(*((f'{{a="{n}"}}', [(NOW + HOUR, "x")]) for n in range(50)))
    assert format_refusals(admit_all(push).refusals).endswith("; 40 more")


ENTRY = st.tuples(
    st.integers(NOW - 200 * HOUR, NOW + HOUR),
    st.text(max_size=6),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
)
STREAM = st.tuples(st.sampled_from(['{a="b"}', "{}", '{c="d"}', "bad"]), st.lists(ENTRY, max_size=4))


@given(st.lists(STREAM, max_size=4))
@settings(max_examples=150, deadline=None)
def test_columns_agree_with_one_entry_at_a_time(streams):
    limits = replace(LIMITS, max_line_size=4, max_structured_metadata_size=5, max_structured_metadata_entries_count=2)
    found = admit_all(make_push(*streams), limits)
    wanted = [entry for labels, entries in streams for entry in entries if is_good(labels, entry, limits)]
    assert found.rows.column("line").to_pylist() == [line for _, line, _ in wanted]
    assert found.rows.column("time").to_pylist() == [time for time, _, _ in wanted]
    full = [{name: value for name, value in pairs.items() if value} for _, _, pairs in wanted]
    assert [dict(pairs) for pairs in found.rows.column("metadata").to_pylist()] == full
    assert found.bytes == sum(len(line.encode()) for _, line, _ in wanted)
    assert sum(one.entries for one in found.refusals) + len(wanted) == sum(len(entries) for _, entries in streams)


def is_good(labels, entry, limits):
    time, line, metadata = entry
    size = sum(len(text.encode()) for pair in metadata.items() for text in pair)
    return (
        labels in ('{a="b"}', '{c="d"}')
        and NOW - 168 * HOUR <= time <= NOW + HOUR // 6
        and len(line.encode()) <= limits.max_line_size
        and size <= limits.max_structured_metadata_size
        and len(metadata) <= limits.max_structured_metadata_entries_count
    )


def test_metadata_with_an_empty_value_is_metadata_that_is_absent():
    entries = [
        (NOW, "a", {"k": "", "m": "1", "n": ""}),
        (NOW, "b"),
        (NOW, "c", {"k": ""}),
        (NOW - 169 * HOUR, "too old", {"k": "2"}),
        (NOW, "d", {"k": "3", "m": ""}),
    ]
    found = admit_all(make_push(('{a="b"}', entries)))
    assert found.rows.column("line").to_pylist() == ["a", "b", "c", "d"]
    assert found.rows.column("metadata").to_pylist() == [[("m", "1")], [], [], [("k", "3")]]

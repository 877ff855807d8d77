from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from opsconductor.collector.batch import Batch, Range
from opsconductor.collector.stages.entry import Entry

TIMES = st.integers(-(10**9) * 10**9, 4 * 10**18)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TIMES, st.text(max_size=300), st.sampled_from("ab"))))
def test_another_decoder_reads_what_was_written(
    make_store: Callable[[], Any], rows: list[tuple[int, str, str]]
) -> None:
    batch, store = Batch({"host": "h", "app": "never"}), make_store()
    batch.add([Entry(time, line, {"app": app}) for time, line, app in rows], 0.0)
    record = batch.seal(1)
    assert store.push(None, record.body) == (204, {})
    expected = dict.fromkeys((f'{{app="{app}", host="h"}}', time, line) for time, line, app in rows)
    assert set(store.entries) == set(expected)
    for app in "ab":
        kept = [entry for entry in store.entries if f'app="{app}"' in entry[0]]
        assert list(dict.fromkeys(kept)) == [entry for entry in expected if f'app="{app}"' in entry[0]]
    assert (record.entries, record.size) == (len(rows), sum(len(line.encode()) for _, line, _ in rows))


def test_half_a_surrogate_pair_is_repaired(make_store: Callable[[], Any]) -> None:
    batch, store = Batch({}), make_store()
    batch.add([Entry(1, "a\ud800b", {"app": "x\udfff"})], 0.0)
    store.push(None, batch.seal(1).body)
    assert store.entries == [('{app="x\ufffd"}', 1, "a\ufffdb")]


def test_a_range_grows_from_its_first_start() -> None:
    batch = Batch({})
    batch.cover(Range("a", 5, 10, True, b"1"))
    batch.cover(Range("a", 5, 20, False, b"2"))
    assert batch.seal(1).ranges == (Range("a", 5, 20, True, b"2"),)

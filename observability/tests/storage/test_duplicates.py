from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from opsconductor.storage.duplicates import mark_repeats, mark_stored

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from(["a", "b"])), max_size=12)
META = st.sampled_from([None, [], [("k", "v")], [("k", "w")], [("k", "v"), ("l", "v")]])


def plain(batch: pa.RecordBatch) -> list[Any]:
    return [(r["time"], r["series"], r["line"], repr(r["metadata"])) for r in batch.to_pylist()]


@settings(deadline=None, max_examples=40)
@given(rows=ROWS, data=st.data())
def test_repeats_are_the_second_and_later_of_equal_rows(kit: Any, rows: list[Any], data: Any) -> None:
    batch = kit.rows(rows, [data.draw(META) for _ in rows])
    seen: set[Any] = set()
    expected = []
    for row in plain(batch):
        expected.append(row in seen)
        seen.add(row)
    repeats = mark_repeats(batch, kit.table.identity)
    assert (repeats.tolist() if repeats is not None else [False] * len(rows)) == expected


@settings(deadline=None, max_examples=25)
@given(new=ROWS.filter(bool), old=ROWS, older=ROWS, data=st.data())
def test_stored_rows_are_found_in_segments_and_tables(
    kit: Any, tmp_path_factory: Any, new: list[Any], old: list[Any], older: list[Any], data: Any
) -> None:
    def build(rows: list[Any]) -> pa.RecordBatch:
        return kit.rows(rows, [data.draw(META) for _ in rows])

    batch, table, segment = build(new), build(old), build(older)
    path: Path = tmp_path_factory.mktemp("it's") / "a.parquet"
    pq.write_table(pa.Table.from_batches([segment]), path, row_group_size=3)
    mask = mark_stored(batch, kit.table.identity, [path], [pa.Table.from_batches([table])])
    stored = {*plain(table), *plain(segment)}
    assert mask.tolist() == [row in stored for row in plain(batch)]


def test_rows_alone_in_series_and_time_are_not_compared(kit: Any) -> None:
    batch = kit.rows([(1, 1, "a"), (1, 2, "a"), (2, 1, "a")])
    assert mark_repeats(batch, kit.table.identity) is None
    assert not np.any(mark_stored(batch, kit.table.identity, [], []))

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from opsconductor.storage.layout import DAY_NS
from opsconductor.storage.segment import order_rows, split_days, write_segment

TIMES = st.integers(-3 * DAY_NS, 3 * DAY_NS)
ROWS = st.lists(st.tuples(st.one_of(TIMES, st.integers(0, 50)), st.integers(0, 3)), min_size=1, max_size=30)


def table_of(kit: Any, rows: list[tuple[int, int]]) -> pa.Table:
    batch = kit.rows([(time, series, f"line {index}") for index, (time, series) in enumerate(rows)])
    return pa.Table.from_batches([batch]).append_column("sequence", pa.array(range(1, len(rows) + 1), pa.uint64()))


@given(rows=ROWS, bucket=st.sampled_from([1, 10, DAY_NS]))
def test_order(kit: Any, rows: list[tuple[int, int]], bucket: int) -> None:
    expected = sorted(range(len(rows)), key=lambda i: (rows[i][0] // bucket, rows[i][1], rows[i][0], i))
    assert order_rows(table_of(kit, rows), bucket).tolist() == expected


@given(rows=ROWS)
def test_days(kit: Any, rows: list[tuple[int, int]]) -> None:
    days = list(split_days(table_of(kit, rows)))
    assert [name for name, _ in days] == sorted({name for name, _ in days})
    assert sum(part.num_rows for _, part in days) == len(rows)
    for name, part in days:
        starts = {time // DAY_NS for time in part.column("time").to_pylist()}
        assert len(starts) == 1
        assert (name == "1970-01-01") == (starts == {0})


def test_a_segment_is_plain_parquet_with_a_series_table(tmp_path: Path, kit: Any) -> None:
    rows = [(5_000 - index % 40, index % 3) for index in range(100)]
    segment = write_segment(
        tmp_path, kit.table, "a/b", "1970-01-01", table_of(kit, rows), {0: "zero", 1: "one", 2: "two"}, 30
    )
    assert segment.path == f"segments/a%2Fb/default/1970-01-01/{1:020d}-{100:020d}.parquet"
    assert (segment.rows, segment.min_time, segment.max_time) == (100, 4_961, 5_000)
    assert (segment.min_sequence, segment.max_sequence) == (1, 100)
    path = tmp_path / segment.path
    assert segment.bytes == path.stat().st_size
    file = pq.ParquetFile(path)
    assert file.schema_arrow.equals(kit.table.schema)
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [30, 30, 30, 10]
    statistics = file.metadata.row_group(0).column(0).statistics
    assert statistics.has_min_max
    read = file.read().to_pylist()
    keys = [(row["time"] // 1_000, row["series"], row["time"], row["sequence"]) for row in read]
    assert keys == sorted(keys)
    assert sorted((r["time"], r["series"], r["line"]) for r in read) == sorted(
        (time, series, f"line {index}") for index, (time, series) in enumerate(rows)
    )
    sidecar = pq.read_table(path.with_name(path.stem + ".series.parquet")).to_pylist()
    for number, labels in enumerate(["zero", "one", "two"]):
        times = [time for time, series in rows if series == number]
        assert sidecar[number] == {
            "series": number,
            "labels": labels,
            "first_time": min(times),
            "last_time": max(times),
            "rows": len(times),
        }
    assert not list(tmp_path.rglob("*.tmp"))

"""Segments: immutable Parquet files of one tenant, class and event day, sorted, with a table of their series beside.

Layout: docs/formats/segments.md.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from opsconductor.storage.disk import make_directory, sync_directory
from opsconductor.storage.layout import DAY_NS, DEFAULT_CLASS, segment_name, sidecar_name
from opsconductor.storage.manifest import Segment
from opsconductor.storage.table import SEQUENCE, SERIES, TIME, TableSpec

SERIES_SCHEMA = pa.schema(
    [
        pa.field(SERIES, pa.uint64()),
        pa.field("labels", pa.string()),
        pa.field("first_time", pa.int64()),
        pa.field("last_time", pa.int64()),
        pa.field("rows", pa.int64()),
    ]
)
_COMPRESSION = {"compression": "zstd", "compression_level": 1, "version": "2.6"}


def summarise_series(rows: pa.Table, labels: Mapping[int, str]) -> pa.Table:
    """One row of SERIES_SCHEMA a series of the rows, ascending by series."""
    grouped = rows.group_by(SERIES).aggregate([(TIME, "min"), (TIME, "max"), (TIME, "count")]).sort_by(SERIES)
    names = [labels[number] for number in grouped.column(SERIES).to_pylist()]
    columns = [grouped.column(SERIES), names, *(grouped.column(f"{TIME}_{what}") for what in ("min", "max", "count"))]
    return pa.table(dict(zip(SERIES_SCHEMA.names, columns, strict=True)), schema=SERIES_SCHEMA)


def name_day(day: int) -> str:
    """2026-01-31 of a day's number since 1970 (UTC)."""
    return datetime.fromtimestamp(day * (DAY_NS // 10**9), UTC).date().isoformat()


def split_days(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """(day, rows) of each UTC event day, oldest first."""
    days = rows.column(TIME).to_numpy() // DAY_NS
    found = np.unique(days)
    for day in found:
        yield name_day(int(day)), rows if len(found) == 1 else rows.filter(pa.array(days == day))


def order_rows(rows: pa.Table, bucket_ns: int) -> npt.NDArray[np.int64]:
    """Row numbers in the order (time // bucket_ns, series, time, sequence)."""
    times, series = rows.column(TIME).to_numpy(), rows.column(SERIES).to_numpy()
    return np.lexsort((rows.column(SEQUENCE).to_numpy(), times, series, times // bucket_ns))


def write_segment(
    data: Path, table: TableSpec, tenant: str, day: str, rows: pa.Table, labels: Mapping[int, str], group_rows: int
) -> Segment:
    """Write rows of one day and their sidecar durably; not visible until a manifest names them. Raises OSError."""
    sequences, times = rows.column(SEQUENCE).to_numpy(), rows.column(TIME).to_numpy()
    first, last = int(sequences.min()), int(sequences.max())
    name = segment_name(tenant, DEFAULT_CLASS, day, first, last)
    make_directory((data / name).parent)
    size = _write_parquet(data / name, rows, order_rows(rows, table.bucket_ns), group_rows, table.plain)
    series = summarise_series(rows, labels)
    _write_parquet(data / sidecar_name(name), series, np.arange(series.num_rows), group_rows, ("labels",))
    sync_directory((data / name).parent)
    return Segment(
        path=name,
        tenant=tenant,
        retention_class=DEFAULT_CLASS,
        day=day,
        rows=rows.num_rows,
        bytes=size,
        min_time=int(times.min()),
        max_time=int(times.max()),
        min_sequence=first,
        max_sequence=last,
    )


def _write_parquet(
    path: Path, rows: pa.Table, order: npt.NDArray[np.int64], group_rows: int, plain: tuple[str, ...]
) -> int:
    """One row group at a time, so that beside the rows only a group's copy is in memory. Returns the file's size."""
    rows = rows.combine_chunks()
    delta = [item.name for item in rows.schema if item.type == pa.int64() or item.name == SEQUENCE]
    paths = _list_columns(rows.schema)
    dictionary = [column for column in paths if column not in {*delta, *plain}]
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            with pq.ParquetWriter(
                file,
                rows.schema,
                use_dictionary=dictionary,
                column_encoding=dict.fromkeys(delta, "DELTA_BINARY_PACKED"),
                store_schema=True,
                **_COMPRESSION,
            ) as writer:
                for start in range(0, len(order), group_rows):
                    writer.write_table(rows.take(pa.array(order[start : start + group_rows])))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return size


def _list_columns(schema: pa.Schema) -> list[str]:
    """Parquet's paths of the schema's leaf columns."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema):
        pass
    columns = pq.ParquetFile(sink.getvalue()).schema
    return [columns.column(index).path for index in range(len(columns))]

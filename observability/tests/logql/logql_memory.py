"""A snapshot made from a list of rows, in parts that overlap as a store's do: some in memory, some Parquet files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from opsconductor.model.labels import format_labels, identify_labels, sort_labels
from opsconductor.storage.reader import Part

SECOND = 1_000_000_000
SCHEMA = pa.schema(
    [
        ("time", pa.int64()),
        ("series", pa.uint64()),
        ("line", pa.string()),
        ("metadata", pa.map_(pa.string(), pa.string())),
        ("sequence", pa.uint64()),
    ]
)


@dataclass(frozen=True)
class Line:
    """One entry as a client would push it."""

    time_ns: int
    labels: dict[str, str]
    line: str
    metadata: dict[str, str] = field(default_factory=dict)


class MemorySnapshot:
    """Rows in the order given (which is the order of commitment), cut into parts of so many rows.

    With a folder every second part becomes a Parquet file, sorted as segments are.
    """

    def __init__(self, lines: Sequence[Line], part_rows: int = 1_000, folder: Path | None = None) -> None:
        self._texts: dict[int, str] = {}
        rows = [self._row(number, line) for number, line in enumerate(lines, start=1)]
        self._parts = []
        for index, at in enumerate(range(0, len(rows), part_rows)):
            table = pa.Table.from_pylist(rows[at : at + part_rows], schema=SCHEMA)
            path = folder / f"part {index}.parquet" if folder is not None and index % 2 else None
            self._parts.append(self._part(table, path))

    def _row(self, number: int, line: Line) -> dict[str, object]:
        text = format_labels(sort_labels(line.labels))
        series = identify_labels(text)
        self._texts[series] = text
        metadata = sorted(line.metadata.items())
        return {
            "time": line.time_ns,
            "series": series,
            "line": line.line,
            "metadata": metadata,
            "sequence": number,
        }

    @staticmethod
    def _part(table: pa.Table, path: Path | None) -> Part:
        times = table.column("time").to_pylist()
        if path is None:
            return Part("head", None, table, min(times), max(times), table.num_rows)
        ordered = table.sort_by([("series", "ascending"), ("time", "ascending"), ("sequence", "ascending")])
        pq.write_table(ordered, path, row_group_size=7)
        return Part("segment", path, None, min(times), max(times), table.num_rows)

    def list_parts(self, start_ns: int, end_ns: int) -> list[Part]:
        parts = [part for part in self._parts if part.max_time >= start_ns and part.min_time < end_ns]
        return sorted(parts, key=lambda part: part.max_time, reverse=True)

    def list_series(self, start_ns: int, end_ns: int) -> pa.Table:
        return pa.table(
            {
                "series": pa.array(list(self._texts), pa.uint64()),
                "labels": pa.array(list(self._texts.values()), pa.string()),
            }
        )

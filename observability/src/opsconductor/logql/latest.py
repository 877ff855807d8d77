"""Entries in the order of time, newest or oldest first, a page at a time.

Two steps: which rows, without their lines; then the lines of those rows, by row number, a statement a file. Parts are
walked in the order of time and may overlap, so the walk ends once no later part can hold an earlier row. The order is
total: (time, sequence). Measured: 12–19 ms for the last 100 of a million against 104–122 in one step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from opsconductor.logql.scan import Scan
from opsconductor.storage.reader import Part


@dataclass(frozen=True, slots=True)
class Found:
    """One row of the store."""

    time_ns: int
    sequence: int
    series: int
    line: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Place:
    time_ns: int
    sequence: int
    series: int
    part: Part
    row: int


class Walk:
    """The rows of a scan in order, from the start; each page goes on where the one before ended."""

    def __init__(self, scan: Scan, *, forward: bool) -> None:
        self._scan = scan
        self._forward = forward
        self._after: tuple[int, int] | None = None
        self._parts = sorted(scan.parts, key=self._edge)

    def page(self, count: int) -> list[Found]:
        """The next rows, at most `count`; fewer when there are no more."""
        places = self._find_places(count)
        if places:
            self._after = (places[-1].time_ns, places[-1].sequence)
        lines = self._read_lines(places)
        return [
            Found(place.time_ns, place.sequence, place.series, *lines[id(place.part), place.row]) for place in places
        ]

    def _edge(self, part: Part) -> int:
        return part.min_time if self._forward else -part.max_time

    def _is_done(self, part: Part) -> bool:
        """Whether every row of the part came before the cursor."""
        if self._after is None:
            return False
        return part.max_time < self._after[0] if self._forward else part.min_time > self._after[0]

    def _find_places(self, count: int) -> list[_Place]:
        best: list[_Place] = []
        sign = 1 if self._forward else -1
        for group in self._groups():
            full = len(best) == count
            if full and self._edge(group[0]) > sign * best[-1].time_ns:
                break
            best += self._query(group, count, best[-1].time_ns if full else None)
            best.sort(key=lambda place: (sign * place.time_ns, sign * place.sequence))
            del best[count:]
        return best

    def _groups(self) -> Iterator[list[Part]]:
        """Parts to ask together: one file first, then twice as many each time; a head always alone."""
        size = 1
        for group in self._scan.groups([part for part in self._parts if not self._is_done(part)]):
            parts = iter(group)
            while some := list(islice(parts, size)):
                yield some
                size *= 2

    def _query(self, group: list[Part], count: int, bound: int | None) -> list[_Place]:
        order = "ASC" if self._forward else "DESC"
        beyond, within = (">", "<=") if self._forward else ("<", ">=")
        extra = []
        if self._after is not None:
            at, sequence = self._after
            extra.append(f"(time {beyond} {at} OR (time = {at} AND sequence {beyond} {sequence}))")
        if bound is not None:
            extra.append(f"time {within} {bound}")
        where, parameters = self._scan.condition(*extra)
        sql = (
            f"SELECT time, sequence, series, file_index, file_row_number FROM {{rows}} WHERE {where} "
            f"ORDER BY time {order}, sequence {order} LIMIT {count}"
        )
        self._scan.stats.lines += sum(part.rows for part in group)
        table = self._scan.query(group, sql, parameters)
        columns = (table.column(name).to_pylist() for name in table.column_names)
        return [
            _Place(at, sequence, series, group[index or 0], row)
            for at, sequence, series, index, row in zip(*columns, strict=True)
        ]

    def _read_lines(self, places: list[_Place]) -> dict[tuple[int, int], tuple[str, dict[str, str]]]:
        by_part: dict[int, tuple[Part, list[int]]] = {}
        for place in places:
            by_part.setdefault(id(place.part), (place.part, []))[1].append(place.row)
        lines: dict[tuple[int, int], tuple[str, dict[str, str]]] = {}
        for key, (part, rows) in by_part.items():
            table = self._fetch(part, rows)
            columns = (table.column(name).to_pylist() for name in ("file_row_number", "line", "metadata"))
            for row, line, metadata in zip(*columns, strict=True):
                lines[key, row] = line, dict(metadata or ())
                self._scan.stats.bytes += len(line)
        return lines

    def _fetch(self, part: Part, rows: list[int]) -> pa.Table:
        if part.table is not None:
            numbers = pa.array(rows, pa.int64())
            return part.table.select(["line", "metadata"]).take(numbers).append_column("file_row_number", numbers)
        numbers = ", ".join(map(str, rows))
        sql = (
            "SELECT file_row_number, line, metadata FROM {rows} "
            f"WHERE file_row_number BETWEEN {min(rows)} AND {max(rows)} AND file_row_number IN ({numbers})"
        )
        return self._scan.query([part], sql, [])

"""Finding traces: ids newest first over growing windows of time, then every span of those traces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from opsconductor.model.errors import LimitError
from opsconductor.model.labels import parse_labels
from opsconductor.storage.reader import Snapshot
from opsconductor.traces.conditions import build_conditions, matches_series
from opsconductor.traces.parameters import MAX_TIME_NS, TimeRange, TraceQuery
from opsconductor.traces.statement import find_rows, query_parts, read_rows

FIRST_WINDOW_NS: Final = 60 * 10**9
WINDOW_GROWTH: Final = 4
"""A search looks at the newest minute first, then at four times as much each time, until it has enough."""

TRACE_LENGTH_NS: Final = 86_400 * 10**9
"""Spans of a trace are looked for within a day of the spans that matched, or of the times that a client names."""

MAX_SPANS: Final = 100_000
"""The most spans of one answer."""

WANTED_SERIES: Final = "wanted_series"

Labels = Mapping[str, str]


@lru_cache(maxsize=65_536)
def read_labels(text: str) -> Labels:
    """The labels of a canonical text, read once and kept."""
    return MappingProxyType(dict(parse_labels(text)))


@dataclass(frozen=True)
class Found:
    """Ids of traces, newest first by the newest span that matched; times: ns of the oldest and newest such span."""

    ids: tuple[bytes, ...]
    times: TimeRange


class Search:
    """Reads one snapshot through one connection."""

    def __init__(self, snapshot: Snapshot, connection: duckdb.DuckDBPyConnection) -> None:
        self._snapshot, self._connection = snapshot, connection

    def list_series(self, start_ns: int = 0, end_ns: int = MAX_TIME_NS) -> dict[int, Labels]:
        """Labels of every series that may have spans in the range, both ends inclusive."""
        table = self._snapshot.list_series(start_ns, end_ns + 1)
        ids, texts = table.column("series").to_pylist(), table.column("labels").to_pylist()
        return {number: read_labels(text) for number, text in zip(ids, texts, strict=True)}

    def find(self, query: TraceQuery) -> Found:
        """The newest traces with a span that meets every condition."""
        known = self.list_series(query.start_ns, query.end_ns)
        series = [number for number, labels in known.items() if matches_series(labels, query)]
        wanted = None if len(series) == len(known) else series
        newest: dict[bytes, int] = {}
        window, high = FIRST_WINDOW_NS, min(query.end_ns, self._newest_time(query))
        while series and high >= query.start_ns and len(newest) < query.limit:
            low = max(query.start_ns, high - window + 1)
            for trace_id, time_ns in self._find_between(query, low, high, wanted):
                newest.setdefault(trace_id, time_ns)
            high, window = low - 1, window * WINDOW_GROWTH
        chosen = list(newest.items())[: query.limit]
        times = [time_ns for _, time_ns in chosen]
        span = TimeRange(min(times), max(times)) if times else TimeRange(None, None)
        return Found(tuple(trace_id for trace_id, _ in chosen), span)

    def _newest_time(self, query: TraceQuery) -> int:
        parts = self._snapshot.list_parts(query.start_ns, query.end_ns + 1)
        return max((part.max_time for part in parts), default=-1)

    def _find_between(
        self, query: TraceQuery, low: int, high: int, series: Sequence[int] | None
    ) -> list[tuple[bytes, int]]:
        """(trace id, time of its newest match in the window), newest first."""
        parts = self._snapshot.list_parts(low, high + 1)
        if not parts:
            return []
        terms = [*build_conditions(query), f"time BETWEEN {low} AND {high}"]
        tables = {}
        if series is not None:
            terms.append(f"series IN (SELECT series FROM {WANTED_SERIES})")
            tables[WANTED_SERIES] = pa.table({"series": pa.array(series, pa.uint64())})
        sql = (
            f"SELECT trace_id, max(time) AS newest FROM {{rows}} WHERE {' AND '.join(terms)} "
            f"GROUP BY trace_id ORDER BY newest DESC, trace_id LIMIT {query.limit}"
        )
        table = query_parts(self._connection, parts, "*", sql, tables=tables)
        return list(zip(table.column("trace_id").to_pylist(), table.column("newest").to_pylist(), strict=True))

    def fetch(self, ids: Sequence[bytes], times: TimeRange, columns: Sequence[str]) -> pa.Table | None:
        """Columns of every span of the traces, by trace_id and time. Raises LimitError beyond MAX_SPANS."""
        low = 0 if times.start_ns is None else max(0, times.start_ns - TRACE_LENGTH_NS)
        high = MAX_TIME_NS if times.end_ns is None else min(MAX_TIME_NS, times.end_ns + TRACE_LENGTH_NS)
        parts = self._snapshot.list_parts(low, high + 1) if ids else []
        wanted = pa.array(ids, pa.binary())
        found = [_filter_head(part.table, wanted, columns) for part in parts if part.table is not None]
        places = find_rows(self._connection, [part.path for part in parts if part.path is not None], wanted)
        count = sum(table.num_rows for table in found) + sum(len(numbers) for numbers in places.values())
        if count > MAX_SPANS:
            raise LimitError(
                f"cannot answer: the traces have {count} spans, {MAX_SPANS} are shown at most; ask for fewer (limit)",
                "max_spans",
                422,
            )
        found += [read_rows(self._connection, path, numbers, columns) for path, numbers in places.items()]
        table = pa.concat_tables(found) if count else None
        return None if table is None else table.sort_by([("trace_id", "ascending"), ("time", "ascending")])


def _filter_head(head: pa.Table, wanted: pa.Array, columns: Sequence[str]) -> pa.Table:
    return head.select(list(columns)).filter(pc.is_in(head.column("trace_id"), wanted))

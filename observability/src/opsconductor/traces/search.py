"""Finding traces: ids newest first over growing windows of time, then every span of those traces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import duckdb
import pyarrow as pa

from opsconductor.model.errors import LimitError
from opsconductor.model.labels import parse_labels
from opsconductor.storage.reader import Part, Snapshot
from opsconductor.traces.conditions import build_conditions, matches_series
from opsconductor.traces.parameters import MAX_TIME_NS, TimeRange, TraceQuery
from opsconductor.traces.statement import query_parts

FIRST_WINDOW_NS: Final = 600 * 10**9
"""A search looks at the newest ten minutes first, then at twice as much each time, until it has enough."""

TRACE_LENGTH_NS: Final = 86_400 * 10**9
"""Spans of a trace are looked for within a day of the spans that matched, or of the times that a client names."""

MAX_SPANS: Final = 100_000
"""The most spans of one answer."""

WANTED_SERIES, WANTED_TRACES = "wanted_series", "wanted_traces"

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
        newest: dict[bytes, int] = {}
        window, high = FIRST_WINDOW_NS, min(query.end_ns, self._newest_time(query))
        while series and high >= query.start_ns and len(newest) < query.limit:
            low = max(query.start_ns, high - window + 1)
            for trace_id, time_ns in self._find_between(
                query, low, high, None if len(series) == len(known) else series
            ):
                newest.setdefault(trace_id, time_ns)
            high, window = low - 1, window * 2
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
        parts: list[Part] = self._snapshot.list_parts(low, high + 1)
        if not parts or not ids:
            return None
        wanted = pa.table({"trace_id": pa.array(ids, pa.binary())})
        literals = ", ".join(f"from_hex('{trace_id.hex()}')" for trace_id in ids[:1])
        condition = (
            f"trace_id = {literals}" if len(ids) == 1 else f"trace_id IN (SELECT trace_id FROM {WANTED_TRACES})"
        )
        sql = f"SELECT {', '.join(columns)} FROM {{rows}} WHERE {condition} LIMIT {MAX_SPANS + 1}"
        tables = {WANTED_TRACES: wanted} if len(ids) > 1 else {}
        table = query_parts(self._connection, parts, ", ".join(columns), sql, tables=tables)
        if table.num_rows > MAX_SPANS:
            raise LimitError(
                f"cannot answer: the traces have more than {MAX_SPANS} spans; ask for fewer traces (limit)",
                "max_spans",
                422,
            )
        return table.sort_by([("trace_id", "ascending"), ("time", "ascending")]) if table.num_rows else None

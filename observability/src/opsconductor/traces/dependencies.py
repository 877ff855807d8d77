"""Which service calls which: spans whose parent belongs to a service, counted. Spec: the original's memory store."""

from collections.abc import Mapping
from typing import Any, Final

import duckdb
import pyarrow as pa

from opsconductor.storage.reader import Snapshot
from opsconductor.traces.statement import query_parts

SERVICES: Final = "services_of_series"
COLUMNS: Final = "time, series, trace_id, span_id, parent_span_id"

_SQL: Final = """
WITH spans AS (
    SELECT hash(trace_id, span_id) AS id, service,
        CASE WHEN octet_length(parent_span_id) > 0 THEN hash(trace_id, parent_span_id) END AS parent
    FROM {rows} JOIN services_of_series USING (series)
    WHERE time BETWEEN ? AND ?
)
SELECT above.service AS parent, below.service AS child, count(*) AS calls
FROM spans AS below JOIN spans AS above ON below.parent = above.id
GROUP BY ALL ORDER BY ALL
"""
"""A span is known by a 64-bit hash of its ids, which keeps the join small."""


def count_calls(
    snapshot: Snapshot,
    connection: duckdb.DuckDBPyConnection,
    series: Mapping[int, Mapping[str, str]],
    start_ns: int,
    end_ns: int,
) -> list[dict[str, Any]]:
    """{"parent", "child", "callCount"} of every pair with calls in [start_ns, end_ns], calls to itself included."""
    parts = snapshot.list_parts(start_ns, end_ns + 1)
    if not parts:
        return []
    names = [labels.get("service", "") for labels in series.values()]
    services = pa.table({"series": pa.array(series.keys(), pa.uint64()), "service": pa.array(names, pa.string())})
    table = query_parts(connection, parts, COLUMNS, _SQL, (start_ns, end_ns), {SERVICES: services})
    return list(table.rename_columns(["parent", "child", "callCount"]).to_pylist())

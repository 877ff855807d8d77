"""Summaries of traces for lists of search results. Spec: the original's apiv3 FindTraceSummaries."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

ERROR = 2


def summarise_trace(rows: pa.Table, series: Mapping[int, Mapping[str, str]]) -> dict[str, Any]:
    """The summary of one trace's rows (span.PRUNED_COLUMNS), ascending by time; defaults are left out."""
    spans = rows.to_pylist()
    ids = {span["span_id"] for span in spans}
    services: dict[str, list[int]] = {}
    for span in spans:
        counts = services.setdefault(series[span["series"]].get("service", ""), [0, 0])
        counts[0] += 1
        counts[1] += span["status"] == ERROR
    root = next((span for span in spans if not span["parent_span_id"]), None)
    labels = series[root["series"]] if root else {}
    summary = {
        "traceId": spans[0]["trace_id"].hex(),
        "rootServiceName": labels.get("service", ""),
        "rootOperationName": labels.get("operation", ""),
        "minStartTimeUnixNano": str(spans[0]["time"]),
        "maxEndTimeUnixNano": str(max(span["time"] + span["duration"] for span in spans)),
        "spanCount": len(spans),
        "errorSpanCount": sum(errors for _, errors in services.values()),
        "orphanSpanCount": sum(bool(span["parent_span_id"]) and span["parent_span_id"] not in ids for span in spans),
        "services": [_summarise_service(name, *counts) for name, counts in sorted(services.items())],
    }
    return {name: value for name, value in summary.items() if value}


def _summarise_service(name: str, spans: int, errors: int) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "spanCount": spans}
    return found | {"errorSpanCount": errors} if errors else found

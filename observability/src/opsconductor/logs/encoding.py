"""Results as the bodies that clients of the original read.

Spec: Loki pkg/util/marshal, pkg/loghttp. Bodies are JSON without spaces, as the original writes them.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import orjson

from opsconductor.logql.result import (
    Entry,
    Matrix,
    Result,
    Scalar,
    Stats,
    StreamResult,
    Streams,
    Vector,
    categorize,
)

JSON: Final = "application/json; charset=UTF-8"
TEXT: Final = "text/plain; charset=utf-8"
CATEGORIZE: Final = "categorize-labels"

_MS = 1_000_000
_EXACT = 1e15


def encode_result(result: Result, flags: Sequence[str], *, forward: bool) -> bytes:
    """The body of /query and /query_range. flags: the response encoding flags that the client asked for."""
    data: dict[str, Any] = {}
    match result:
        case Streams(streams=streams):
            data["resultType"] = "streams"
            if CATEGORIZE in flags:
                data["encodingFlags"] = [CATEGORIZE]
                streams = categorize(streams, forward=forward)
            data["result"] = list_streams(streams, flags)
        case Matrix(series=series):
            data["resultType"] = "matrix"
            data["result"] = [
                {"metric": one.labels, "values": [[format_time(time), format_number(v)] for time, v in one.points]}
                for one in series
            ]
        case Vector(time_ns=time_ns, samples=samples):
            at = format_time(time_ns)
            data["resultType"] = "vector"
            data["result"] = [{"metric": one.labels, "value": [at, format_number(one.value)]} for one in samples]
        case Scalar(time_ns=time_ns, value=value):
            data["resultType"] = "scalar"
            data["result"] = [format_time(time_ns), format_number(value)]
    data["stats"] = {"summary": summarize(result.stats)}
    return encode_success(data)


def encode_success(data: object) -> bytes:
    """{"status": "success", "data": …} and a line feed."""
    return orjson.dumps({"status": "success", "data": data}) + b"\n"


def encode_error(status: int, message: str) -> bytes:
    """The body of a refused query: Grafana shows `message`. Spec: Loki pkg/util/server ErrorResponseBody."""
    return orjson.dumps({"code": status, "status": "error", "message": message}) + b"\n"


def encode_tail(streams: Sequence[StreamResult], dropped: Sequence[tuple[int, dict[str, str]]], flags: str) -> bytes:
    """One message of a live tail. dropped: (time ns, labels) of entries that the client was too slow for."""
    frame: dict[str, Any] = {"streams": list_streams(streams, flags.split(","))}
    if dropped:
        frame["dropped_entries"] = [{"timestamp": str(time), "labels": labels} for time, labels in dropped]
    if CATEGORIZE in flags.split(","):
        frame["encodingFlags"] = [CATEGORIZE]
    return orjson.dumps(frame)


def list_streams(streams: Sequence[StreamResult], flags: Sequence[str]) -> list[dict[str, Any]]:
    """[{"stream": labels, "values": [[ns, line], …]}, …]; with categorised labels a third element each."""
    if CATEGORIZE in flags:
        return [{"stream": one.stream, "values": [_categorized(entry) for entry in one.entries]} for one in streams]
    return [{"stream": one.labels, "values": [[str(e.time_ns), e.line] for e in one.entries]} for one in streams]


def _categorized(entry: Entry) -> list[Any]:
    beside: dict[str, Any] = {}
    if entry.metadata:
        beside["structuredMetadata"] = entry.metadata
    if entry.parsed:
        beside["parsed"] = entry.parsed
    return [str(entry.time_ns), entry.line, beside]


def format_time(ns: int) -> float | int:
    """Seconds with at most three decimals."""
    ms = ns // _MS
    return ms // 1000 if ms % 1000 == 0 else ms / 1000


def format_number(value: float) -> str:
    """A sample's value: shortest digits, never an exponent. Spec: Prometheus model.SampleValue."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < _EXACT:
        return "-0" if value == 0 and math.copysign(1, value) < 0 else str(int(value))
    return f"{Decimal(repr(value)):f}".removesuffix(".0")


def summarize(stats: Stats) -> dict[str, Any]:
    """stats.summary of the answer."""
    seconds = max(stats.seconds, 1e-9)
    return {
        "bytesProcessedPerSecond": int(stats.bytes / seconds),
        "linesProcessedPerSecond": int(stats.lines / seconds),
        "totalBytesProcessed": stats.bytes,
        "totalLinesProcessed": stats.lines,
        "execTime": stats.seconds,
        "queueTime": 0,
        "subqueries": 0,
        "totalEntriesReturned": stats.entries,
        "splits": 0,
        "shards": 0,
        "totalPostFilterLines": stats.post_filter_lines,
        "totalStructuredMetadataBytesProcessed": 0,
    }

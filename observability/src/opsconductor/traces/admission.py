"""Which spans of a request are stored: rows and series of the good ones, and why the others were refused."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from opsconductor.model.labels import format_labels, identify_labels, sort_labels
from opsconductor.traces.decoding import MAX_TIME_NS, DecodedSpans, clip_time
from opsconductor.traces.table import KINDS, ROW_SCHEMA

CACHED_SERIES: Final = 65_536
"""Series remembered; beyond, all are forgotten and made anew as they come."""

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8

Series = tuple[int, str]
"""(id, canonical labels)."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Admitted:
    """rows: of the good spans; series: of the rows; refused: reason → number of spans."""

    rows: pa.RecordBatch
    series: list[Series]
    refused: dict[str, int]

    @property
    def refused_count(self) -> int:
        """Spans refused."""
        return sum(self.refused.values())


def describe_refusals(refused: dict[str, int]) -> str:
    """What a sender is told: "2 spans: trace id must be 16 bytes, not all zero; …"."""
    return "; ".join(f"{count} span{'s' if count > 1 else ''}: {reason}" for reason, count in refused.items())


class SeriesCache:
    """(service, operation, kind) → series. Not thread-safe."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int], Series] = {}

    def find(self, service: str, operation: str, kind: int) -> Series:
        """The series, made at first sight."""
        key = (service, operation, kind)
        series = self._known.get(key)
        if series is None:
            if len(self._known) >= CACHED_SERIES:
                self._known.clear()
            labels = sort_labels({"service": service, "operation": operation, "kind": KINDS[kind]})
            text = format_labels(labels)
            series = self._known[key] = (identify_labels(text), text)
        return series


def admit(decoded: DecodedSpans, cache: SeriesCache, oldest_ns: int) -> Admitted:
    """The good spans. oldest_ns: spans that start before it are beyond retention; 0 takes every age."""
    good = np.ones(len(decoded), np.bool_)
    refused: dict[str, int] = {}
    for reason, bad in (
        ("the trace id must be 16 bytes, not all zero", ~_is_id(decoded.trace_id, TRACE_ID_BYTES)),
        ("the span id must be 8 bytes, not all zero", ~_is_id(decoded.span_id, SPAN_ID_BYTES)),
        ("the start time is beyond the year 2262", decoded.start > np.uint64(MAX_TIME_NS)),
        ("the start time is older than what is kept (ttl.spans)", decoded.start < np.uint64(oldest_ns)),
    ):
        if count := int(np.count_nonzero(good & bad)):
            refused[reason] = count
            good &= ~bad
    ids, series = _find_series(decoded, cache)
    start = clip_time(decoded.start)
    columns = {
        "time": pa.array(start),
        "series": pa.array(ids),
        "trace_id": decoded.trace_id,
        "span_id": decoded.span_id,
        "duration": pa.array(np.maximum(clip_time(decoded.end) - start, 1)),
        **decoded.columns,
        "parent_span_id": _clean_parents(decoded.columns["parent_span_id"]),
    }
    rows = pa.RecordBatch.from_arrays([columns[name] for name in ROW_SCHEMA.names], schema=ROW_SCHEMA)
    return Admitted(rows.filter(pa.array(good)) if refused else rows, series, refused)


def _is_id(column: pa.BinaryArray, size: int) -> Mask:
    right = pc.and_(pc.equal(pc.binary_length(column), size), pc.not_equal(column, bytes(size)))
    mask: Mask = right.to_numpy(zero_copy_only=False)
    return mask


def _clean_parents(parents: pa.BinaryArray) -> pa.BinaryArray:
    """Parents of 8 bytes; all zero, or of another length, is none."""
    return pc.if_else(pa.array(_is_id(parents, SPAN_ID_BYTES)), parents, pa.scalar(b"", pa.binary()))


def _find_series(decoded: DecodedSpans, cache: SeriesCache) -> tuple[npt.NDArray[np.uint64], list[Series]]:
    services, operations = decoded.service.dictionary.to_pylist(), decoded.operation.dictionary.to_pylist()
    service = decoded.service.indices.to_numpy().astype(np.int64)
    operation = decoded.operation.indices.to_numpy().astype(np.int64)
    kinds = len(KINDS)
    codes = (service * len(operations) + operation) * kinds + decoded.kind
    distinct, inverse = np.unique(codes, return_inverse=True)
    series = []
    for code in distinct.tolist():
        rest, kind = divmod(code, kinds)
        of_service, of_operation = divmod(rest, len(operations))
        series.append(cache.find(services[of_service], operations[of_operation], kind))
    ids = np.array([number for number, _ in series], np.uint64)
    return ids[inverse], series

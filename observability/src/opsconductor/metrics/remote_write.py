"""Remote write 1.0: a snappy block of protobuf series, decoded into columns. Spec: Prometheus remote write 1.0.

Labels are decoded once for each distinct series of the process: their bytes stay opaque in the columns and are the
key of a cache.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import cramjam
import numpy as np
import pyarrow as pa

from opsconductor.metrics.table import SAMPLES
from opsconductor.model.errors import InputError, LimitError
from opsconductor.model.labels import Labels, format_labels, identify_labels, is_label_name, sort_labels
from opsconductor.model.protobuf import build_pool, columns_handler
from opsconductor.vectors.grouping import METRIC_NAME

PACKAGE = "opsconductor.write"
MESSAGES = {
    "Label": (("name", "bytes", 1, False), ("value", "bytes", 2, False)),
    "Sample": (("value", "double", 1, False), ("timestamp", "int64", 2, False)),
    "Series": (("labels", "Label", 1, True), ("samples", "Sample", 2, True)),
    "WriteRequest": (("series", "Series", 1, True),),
}
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_CACHED_SERIES = 500_000
MS_NS = 1_000_000


@cache
def _handler() -> Any:
    return columns_handler(build_pool(PACKAGE, MESSAGES), PACKAGE, "WriteRequest")


@dataclass(frozen=True)
class DecodedWrite:
    """rows: a batch of the samples' table; series: (id, canonical labels) of each series in it."""

    rows: pa.RecordBatch
    series: list[tuple[int, str]]


class WriteDecoder:
    """Decodes bodies; not thread-safe, as it remembers series."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[bytes, bytes], ...], tuple[int, str]] = {}

    def decode(self, body: bytes) -> DecodedWrite:
        """Columns of a body. Raises InputError (400, the sender must not retry) and LimitError (413)."""
        raw = _decompress(body)
        try:
            series = _handler().list_to_record_batch([raw]).column("series").flatten()
        except (ValueError, pa.ArrowException) as error:
            raise InputError(
                f"cannot read remote write: {error}; send a WriteRequest in a raw snappy block"
            ) from error
        labels, samples = series.field("labels"), series.field("samples")
        named = [self._name(pairs) for pairs in _label_pairs(labels)]
        counts = np.diff(samples.offsets.to_numpy())
        rows = samples.flatten()
        ids = np.repeat(np.asarray([number for number, _ in named], dtype=np.uint64), counts)
        times = rows.field("timestamp").to_numpy(zero_copy_only=False).astype(np.int64) * MS_NS
        values = rows.field("value").to_numpy(zero_copy_only=False).astype(np.float64)
        batch = pa.RecordBatch.from_arrays([pa.array(times), pa.array(ids), pa.array(values)], schema=SAMPLES.columns)
        return DecodedWrite(batch, list(dict(named).items()))

    def _name(self, pairs: tuple[tuple[bytes, bytes], ...]) -> tuple[int, str]:
        found = self._known.get(pairs)
        if found is None:
            if len(self._known) >= MAX_CACHED_SERIES:
                self._known.clear()
            text = format_labels(_read_labels(pairs))
            found = self._known[pairs] = (identify_labels(text), text)
        return found


def _decompress(body: bytes) -> bytes:
    try:
        size = cramjam.snappy.decompress_raw_len(body)
        if size > MAX_BODY_BYTES:
            raise LimitError(f"cannot take this body: it is larger than {MAX_BODY_BYTES} bytes", "max_body", 413)
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise InputError(f"cannot read remote write: {error}; send a raw snappy block") from error


def _label_pairs(labels: pa.ListArray) -> list[tuple[tuple[bytes, bytes], ...]]:
    offsets = labels.offsets.to_numpy()
    flat = labels.flatten()
    names, values = flat.field("name").to_pylist(), flat.field("value").to_pylist()
    base = int(offsets[0])
    pairs = list(zip(names, values, strict=True))
    return [tuple(pairs[start - base : end - base]) for start, end in pairwise(offsets)]


def _read_labels(pairs: tuple[tuple[bytes, bytes], ...]) -> Labels:
    labels: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name = raw_name.decode(errors="replace")
        if name in labels:
            raise InputError(f"cannot read remote write: label {name} is there twice")
        if not is_label_name(name):
            raise InputError(f"cannot read remote write: invalid label name {name!r}")
        labels[name] = raw_value.decode(errors="replace")
    if not labels.get(METRIC_NAME):
        raise InputError("cannot read remote write: a series has no metric name")
    return sort_labels(labels)

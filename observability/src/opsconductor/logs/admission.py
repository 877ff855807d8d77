"""Which entries of a push are stored: limits checked in columns, refusals worded as the original words them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from opsconductor.logs.config import Limits
from opsconductor.logs.decoding import DecodedPush, repair_text
from opsconductor.logs.series import Series, SeriesCache
from opsconductor.logs.table import ROW_SCHEMA

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

REFUSALS_SHOWN = 10


@dataclass(frozen=True)
class Refusal:
    """Entries refused for one reason in one stream: the metric's reason, the wording of the first, how many."""

    reason: str
    message: str
    entries: int


@dataclass(frozen=True)
class Admitted:
    """What remains of a push: rows in ROW_SCHEMA, their series, the bytes of their lines, and what was refused."""

    rows: pa.RecordBatch
    series: tuple[Series, ...]
    bytes: int
    refusals: tuple[Refusal, ...]
    streams: int
    """Streams in the body, refused ones included."""


def admit(push: DecodedPush, cache: SeriesCache, limits: Limits, now: int, oldest_kept: int) -> Admitted:
    """Check every stream and entry; a refused one spares the others.

    now: ns; oldest_kept: entries before it are beyond retention.
    """
    series = [cache.find(text) for text in push.labels]
    stream_of_row = np.repeat(np.arange(len(series)), np.diff(push.offsets))
    keep = np.array([not one.error for one in series], np.bool_)[stream_of_row]
    refusals = _refuse_streams(push, series)
    line = _truncate(push.line, limits)
    for check in _check_entries(push, line, limits, now, oldest_kept):
        refusals.extend(_describe(check, check.bad & keep, stream_of_row, push.labels))
        keep &= ~check.bad
    ids = np.array([one.id for one in series], np.uint64)[stream_of_row]
    rows = _build_rows(push, line, ids, keep)
    used = {series[stream].id: series[stream] for stream in np.unique(stream_of_row[keep]).tolist()}
    size = int(pc.sum(pc.binary_length(rows.column("line"))).as_py() or 0)
    return Admitted(rows, tuple(used.values()), size, tuple(refusals), len(series))


def format_refusals(refusals: tuple[Refusal, ...]) -> str:
    """The body of the 400 answer: each reason once, with its count. Spec: Loki util.GroupedErrors."""
    counts: dict[str, int] = {}
    for refusal in refusals:
        counts[refusal.message] = counts.get(refusal.message, 0) + refusal.entries
    parts = [
        f"{count} errors like: {message}" if count > 1 else message
        for message, count in list(counts.items())[:REFUSALS_SHOWN]
    ]
    if len(counts) > REFUSALS_SHOWN:
        parts.append(f"{len(counts) - REFUSALS_SHOWN} more")
    return "; ".join(parts)


@dataclass(frozen=True)
class _Check:
    """One limit over all rows: the rows beyond it, and the wording for one row and its stream's text."""

    reason: str
    bad: Mask
    word: Callable[[int, str], str]


def _refuse_streams(push: DecodedPush, series: list[Series]) -> list[Refusal]:
    counts = np.diff(push.offsets).tolist()
    reason = "invalid_labels"
    return [Refusal(reason, one.error, count) for one, count in zip(series, counts, strict=True) if one.error]


def _check_entries(push: DecodedPush, line: pa.Array, limits: Limits, now: int, oldest_kept: int) -> Iterator[_Check]:
    oldest = max(oldest_kept, now - limits.reject_old_samples_max_age) if limits.reject_old_samples else oldest_kept
    times = push.time
    yield _Check(
        "greater_than_max_sample_age",
        times < oldest,
        lambda row, stream: (
            f"entry for stream '{stream}' has timestamp too old: {_format_time(times[row])},"
            f" oldest acceptable timestamp is: {_format_time(oldest)}"
        ),
    )
    yield _Check(
        "too_far_in_future",
        times > now + limits.creation_grace_period,
        lambda row, stream: f"entry for stream '{stream}' has timestamp too new: {_format_time(times[row])}",
    )
    lengths = _numbers(pc.binary_length(line))
    yield _Check(
        "line_too_long",
        (lengths > limits.max_line_size) & (limits.max_line_size > 0),
        lambda row, stream: (
            f"max entry size '{limits.max_line_size}' bytes exceeded for stream '{stream}'"
            f" while adding an entry with length '{lengths[row]}' bytes"
        ),
    )
    if push.metadata is not None:
        yield from _check_metadata(push.metadata, limits)


def _check_metadata(metadata: pa.MapArray, limits: Limits) -> Iterator[_Check]:
    offsets = metadata.offsets.to_numpy()
    counts = np.diff(offsets)
    pair_bytes = _numbers(pc.binary_length(metadata.keys)) + _numbers(pc.binary_length(metadata.items))
    total = np.concatenate(([0], np.cumsum(pair_bytes)))
    sizes = np.diff(total[offsets])
    yield _Check(
        "structured_metadata_too_large",
        sizes > limits.max_structured_metadata_size,
        lambda row, stream: (
            f"stream '{stream}' has structured metadata too large: '{sizes[row]}' bytes,"
            f" limit: '{limits.max_structured_metadata_size}' bytes (limits_config.max_structured_metadata_size)"
        ),
    )
    yield _Check(
        "structured_metadata_too_many",
        counts > limits.max_structured_metadata_entries_count,
        lambda row, stream: (
            f"stream '{stream}' has too many structured metadata labels: '{counts[row]}',"
            f" limit: '{limits.max_structured_metadata_entries_count}'"
            " (limits_config.max_structured_metadata_entries_count)"
        ),
    )


def _describe(check: _Check, bad: Mask, stream_of_row: Numbers, texts: list[str]) -> Iterator[Refusal]:
    """One refusal a stream, worded for its first bad row."""
    rows = np.flatnonzero(bad)
    streams, first, counts = np.unique(stream_of_row[rows], return_index=True, return_counts=True)
    for stream, at, count in zip(streams.tolist(), first.tolist(), counts.tolist(), strict=True):
        yield Refusal(check.reason, check.word(int(rows[at]), texts[stream]), count)


def _truncate(line: pa.Array, limits: Limits) -> pa.Array:
    if not (limits.max_line_size_truncate and limits.max_line_size):
        return line
    return pc.binary_slice(line.cast(pa.binary()), 0, limits.max_line_size)


def _build_rows(push: DecodedPush, line: pa.Array, ids: npt.NDArray[np.uint64], keep: Mask) -> pa.RecordBatch:
    metadata = push.metadata
    if metadata is not None:
        metadata = _drop_empty(metadata)
    else:
        metadata = pa.MapArray.from_arrays(
            pa.array(np.zeros(len(ids) + 1, np.int32)), pa.array([], pa.string()), pa.array([], pa.string())
        )
    text = line if line.type == pa.string() else repair_text(line)
    rows = pa.RecordBatch.from_arrays([pa.array(push.time), pa.array(ids), text, metadata], schema=ROW_SCHEMA)
    return rows if keep.all() else rows.filter(pa.array(keep))


def _drop_empty(metadata: pa.MapArray) -> pa.MapArray:
    """The metadata without pairs whose value is empty: a label that is empty is one that is absent."""
    full = pc.not_equal(metadata.items, "")
    if pc.all(full).as_py():
        return metadata
    before = np.concatenate(([0], np.cumsum(full.to_numpy(zero_copy_only=False))))
    offsets = before[metadata.offsets.to_numpy()].astype(np.int32)
    return pa.MapArray.from_arrays(pa.array(offsets), metadata.keys.filter(full), metadata.items.filter(full))


def _numbers(column: pa.Array) -> Numbers:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.int64)


def _format_time(ns: np.int64 | int) -> str:
    """RFC 3339 to the second. Times that a calendar cannot hold are given in ns."""
    try:
        return datetime.fromtimestamp(int(ns) // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{ns} ns"

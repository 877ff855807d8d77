"""An append made ready in its caller's thread: checked, encoded and summed up by series."""

from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from opsconductor.model.errors import InputError
from opsconductor.storage.append import Append
from opsconductor.storage.duplicates import mark_repeats
from opsconductor.storage.frame import MAX_ROWS, Payload, encode_payload
from opsconductor.storage.table import SERIES, TIME, TableSpec


@dataclass(frozen=True)
class SeriesSpans:
    """ids uint64 [n] ascending, first and last int64 [n] ns: the series of a batch and their times."""

    ids: npt.NDArray[np.uint64]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]


def measure_series(rows: pa.RecordBatch) -> SeriesSpans:
    """First and last time of each series in the rows, at least one."""
    series = rows.column(SERIES).to_numpy(zero_copy_only=False)
    times = rows.column(TIME).to_numpy(zero_copy_only=False)
    order = np.argsort(series, kind="stable")
    series, times = series[order], times[order]
    starts = np.flatnonzero(np.concatenate(([True], series[1:] != series[:-1])))
    return SeriesSpans(series[starts], np.minimum.reduceat(times, starts), np.maximum.reduceat(times, starts))


@dataclass
class Pending:
    """An append on its way to the disk. spans is None without rows.

    foreign: compare its rows with what is stored; checked_through: the last sequence they were compared with.
    """

    append: Append
    rows: pa.RecordBatch
    spans: SeriesSpans | None
    payload: Payload
    foreign: bool
    future: Future[int] = field(default_factory=Future)
    checked_through: int | None = None

    def keep(self, mask: npt.NDArray[np.bool_]) -> None:
        """Keep only the marked rows."""
        if not mask.all():
            self.rows = self.rows.filter(pa.array(mask))
            self.spans = measure_series(self.rows) if self.rows.num_rows else None
            self.payload = _encode(replace(self.append, rows=self.rows), self.spans)


def prepare_append(append: Append, table: TableSpec) -> Pending:
    """Check and encode an append; vectorised, runs in the caller's thread. Raises InputError."""
    _check_sources(append)
    rows = _check_rows(append, table)
    foreign = not append.sources and bool(table.identity)
    if foreign and rows.num_rows > 1:
        repeats = mark_repeats(rows, table.identity)
        if repeats is not None:
            rows = rows.filter(pa.array(~repeats))
    spans = measure_series(rows) if rows.num_rows else None
    if spans is not None:
        named = np.fromiter((number for number, _ in append.series), dtype=np.uint64, count=len(append.series))
        if not np.isin(spans.ids, named).all():
            raise InputError("cannot store rows: some belong to a series that the append does not name")
    return Pending(append, rows, spans, _encode(append, spans, rows), foreign)


def _check_sources(append: Append) -> None:
    for item in append.sources:
        if not item.id or not 0 <= item.start <= item.end:
            raise InputError(
                f"cannot store source range {item.id!r} [{item.start}, {item.end}): it needs an id and "
                f"0 <= start <= end"
            )
    if not append.tenant:
        raise InputError("cannot store rows: the tenant is empty")


def _check_rows(append: Append, table: TableSpec) -> pa.RecordBatch:
    rows = append.rows
    if not rows.schema.equals(table.columns):
        try:
            rows = rows.select(table.columns.names).cast(table.columns)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError, ValueError) as error:
            raise InputError(f"cannot store rows: their columns are not those of {table.name}: {error}") from error
    if rows.column(TIME).null_count or rows.column(SERIES).null_count:
        raise InputError("cannot store rows: a time or series is null")
    if rows.num_rows > MAX_ROWS:
        raise InputError(f"cannot store rows: more than {MAX_ROWS} in one append")
    if not rows.num_rows and not append.sources:
        raise InputError("cannot store an append without rows and sources")
    return rows


def _encode(append: Append, spans: SeriesSpans | None, rows: pa.RecordBatch | None = None) -> Payload:
    rows = append.rows if rows is None else rows
    metadata = {
        "tenant": append.tenant,
        "min": int(spans.first.min()) if spans else None,
        "max": int(spans.last.max()) if spans else None,
        "series": [[number, labels] for number, labels in append.series] if spans else [],
        "sources": [[item.id, item.start, item.end, item.gap] for item in append.sources],
    }
    try:
        return encode_payload(metadata, rows)
    except TypeError as error:
        raise InputError(f"cannot store rows: labels and source ids must be UTF-8 text: {error}") from error

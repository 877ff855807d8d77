"""Reading: a snapshot is a manifest version plus the write-ahead log above its low-watermark, under a lease."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from opsconductor.storage.frame import Frame
from opsconductor.storage.head import Head
from opsconductor.storage.layout import sidecar_name
from opsconductor.storage.lease import Lease, acquire_lease
from opsconductor.storage.manifest import Manifest, Segment
from opsconductor.storage.segment import SERIES_SCHEMA, summarise_series
from opsconductor.storage.table import SEQUENCE, SERIES, TIME, TableSpec

_POLL_S = 0.02
_SIDECARS = 4_096
"""Sidecars kept in memory."""


@dataclass(frozen=True)
class Part:
    """Rows to scan: a segment's Parquet file (path) or the head's table, both with the table's schema.

    min_time, max_time: ns, both inclusive. A segment is sorted by (time bucket, series, time, sequence), the head
    by sequence.
    """

    kind: Literal["segment", "head"]
    path: Path | None
    table: pa.Table | None
    min_time: int
    max_time: int
    rows: int


class Reader:
    """Reads a data folder, in any number of processes, also while the writer and the compactor run. Thread-safe."""

    def __init__(self, data: Path, table: TableSpec) -> None:
        self._data = data
        self._table = table
        self._head = Head(data, table.schema)
        self._lock = threading.Lock()
        self._manifest: Manifest | None = None
        self._sidecars: dict[str, pa.Table] = {}

    def snapshot(self, tenant: str) -> "Snapshot":
        """The tenant's rows as committed now; close it (or use `with`) so that removed files can go."""
        with self._lock:
            manifest, lease = acquire_lease(self._data, self._manifest)
            try:
                self._manifest = manifest
                last = self._head.refresh(manifest.low_watermark)
                frames = tuple(frame for frame in self._head.frames if frame.tenant == tenant)
                batches = [self._head.batch(frame) for frame in frames if frame.rows]
            except BaseException:
                lease.release()
                raise
        segments = tuple(item for item in manifest.segments if item.tenant == tenant)
        return Snapshot(self, lease, segments, frames, batches, max(last, manifest.low_watermark))

    def last_sequence(self) -> int:
        """The last committed sequence over all tenants; cheap enough to poll."""
        return self._head.last_sequence()

    def wait(self, sequence: int, timeout_s: float) -> int:
        """Wait until a higher sequence is committed or time is up; returns the last committed one."""
        deadline = time.monotonic() + timeout_s
        while (last := self.last_sequence()) <= sequence and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return last

    def read_sidecar(self, segment: Segment) -> pa.Table:
        """The series table of a segment, which the caller's lease protects."""
        table = self._sidecars.get(segment.path)
        if table is None:
            table = pq.read_table(self._data / sidecar_name(segment.path), schema=SERIES_SCHEMA)
            with self._lock:
                while len(self._sidecars) >= _SIDECARS:
                    self._sidecars.pop(next(iter(self._sidecars)))
                self._sidecars[segment.path] = table
        return table

    @property
    def data(self) -> Path:
        """The data folder."""
        return self._data

    @property
    def table(self) -> TableSpec:
        """The table read."""
        return self._table


class Snapshot:
    """What a tenant had stored at one moment; unchanged by later writes and compactions. Thread-safe."""

    def __init__(
        self,
        reader: Reader,
        lease: Lease,
        segments: tuple[Segment, ...],
        frames: tuple[Frame, ...],
        batches: list[pa.RecordBatch],
        last_sequence: int,
    ) -> None:
        self._reader = reader
        self._lease = lease
        self._segments = segments
        self._frames = tuple(frame for frame in frames if frame.rows)
        self._batches = batches
        self.last_sequence = last_sequence
        """Every row with a sequence up to this one is in the snapshot, none above it."""

    def list_parts(self, start_ns: int, end_ns: int) -> list[Part]:
        """Parts that may hold rows of [start_ns, end_ns), newest first by their newest row."""
        parts = [
            Part("segment", self._reader.data / item.path, None, item.min_time, item.max_time, item.rows)
            for item in self._segments
            if item.max_time >= start_ns and item.min_time < end_ns
        ]
        chosen = self._choose_frames(start_ns, end_ns)
        if chosen:
            table = pa.Table.from_batches([batch for _, batch in chosen])
            low = min(frame.metadata["min"] for frame, _ in chosen)
            high = max(frame.metadata["max"] for frame, _ in chosen)
            parts.append(Part("head", None, table, low, high, table.num_rows))
        return sorted(parts, key=lambda part: part.max_time, reverse=True)

    def list_series(self, start_ns: int, end_ns: int) -> pa.Table:
        """One row a series that may have rows in [start_ns, end_ns), ascending by series.

        Columns series uint64, labels string, first_time and last_time int64 ns, rows int64; the last three count the
        segments and the head's rows that the range touches. Lines are not read.
        """
        found = []
        for segment in self._segments:
            if segment.max_time >= start_ns and segment.min_time < end_ns:
                table = self._reader.read_sidecar(segment)
                touched = pc.and_(
                    pc.greater_equal(table.column("last_time"), start_ns), pc.less(table.column("first_time"), end_ns)
                )
                found.append(table.filter(touched))
        chosen = self._choose_frames(start_ns, end_ns)
        if chosen:
            head = pa.Table.from_batches([batch.select([TIME, SERIES]) for _, batch in chosen])
            times = head.column(TIME)
            head = head.filter(pc.and_(pc.greater_equal(times, start_ns), pc.less(times, end_ns)))
            labels = {number: text for frame, _ in chosen for number, text in frame.metadata["series"]}
            found.append(summarise_series(head, labels))
        if not found:
            return SERIES_SCHEMA.empty_table()
        aggregates = [("labels", "min"), ("first_time", "min"), ("last_time", "max"), ("rows", "sum")]
        grouped = pa.concat_tables(found).group_by(SERIES).aggregate(aggregates).sort_by(SERIES)
        columns = [SERIES, *(f"{name}_{what}" for name, what in aggregates)]
        return grouped.select(columns).rename_columns(SERIES_SCHEMA.names)

    def read_after(self, sequence: int) -> pa.Table | None:
        """Rows with a higher sequence, ascending by it; None without any. For live tail.

        Meant for recent sequences, whose rows are in the head; rows that a compaction took out of it meanwhile are
        read from their segments.
        """
        found = [
            ds.dataset(str(self._reader.data / item.path), schema=self._reader.table.schema).to_table(
                filter=pc.field(SEQUENCE) > sequence
            )
            for item in self._segments
            if item.max_sequence > sequence
        ]
        ordered = not found  # segments have another order
        recent = [
            batch for frame, batch in zip(self._frames, self._batches, strict=True) if frame.last_sequence > sequence
        ]
        if recent:
            table = pa.Table.from_batches(recent)
            found.append(table.filter(pc.greater(table.column(SEQUENCE), pa.scalar(sequence, pa.uint64()))))
        found = [table for table in found if table.num_rows]
        if not found:
            return None
        whole = pa.concat_tables(found)
        return whole if ordered else whole.sort_by(SEQUENCE)

    def close(self) -> None:
        """Release the lease. Safe to call twice."""
        self._lease.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _choose_frames(self, start_ns: int, end_ns: int) -> list[tuple[Frame, pa.RecordBatch]]:
        return [
            (frame, batch)
            for frame, batch in zip(self._frames, self._batches, strict=True)
            if frame.metadata["max"] >= start_ns and frame.metadata["min"] < end_ns
        ]

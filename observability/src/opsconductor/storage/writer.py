"""Writing: appends from many threads, one thread that commits them in groups with one fdatasync a group."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from opsconductor.model.errors import LimitError, OpsConductorError, UnavailableError
from opsconductor.storage.append import Append, SourceConflict
from opsconductor.storage.backlog import Backlog
from opsconductor.storage.committed import CommittedWriter
from opsconductor.storage.disk import free_bytes, lock_file, make_directory
from opsconductor.storage.duplicates import mark_stored
from opsconductor.storage.layout import committed_path, wal_directory
from opsconductor.storage.lease import acquire_lease
from opsconductor.storage.newest import NewestTimes
from opsconductor.storage.pending import Pending, prepare_append
from opsconductor.storage.reader import Reader
from opsconductor.storage.replay import Recovered, recover_wal
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.sources import Verdict
from opsconductor.storage.table import TableSpec
from opsconductor.storage.wal import Wal

log = logging.getLogger(__name__)

_GROUP_APPENDS = 512
_GROUP_BYTES = 32 * 1024 * 1024
_FORGET_S = 600


@dataclass
class _Group:
    """Appends that become durable together. Answers wait for the disk, because they may rest on each other."""

    stored: list[Pending] = field(default_factory=list)
    answered: list[tuple[Pending, OpsConductorError | None]] = field(default_factory=list)
    ends: dict[tuple[str, str], int] = field(default_factory=dict)


class Writer:
    """The one writer of a data folder. append() and the properties are thread-safe."""

    def __init__(self, data: Path, table: TableSpec, settings: StorageSettings) -> None:
        """Use Writer.open()."""
        self._data, self._table, self._settings = data, table, settings
        make_directory(wal_directory(data))
        self._lock_handle = lock_file(wal_directory(data) / "lock", "write")
        try:
            self._committed = CommittedWriter(committed_path(data))
            found = self._recover()
        except BaseException:
            os.close(self._lock_handle)
            raise
        self._wal = Wal(data, self._committed, found.next_sequence, settings.wal_file_bytes)
        self._backlog = Backlog(data, found.backlog)
        self._sources = found.sources
        self._newest = NewestTimes(found.newest)
        self._reader = Reader(data, table)
        self._changed = threading.Condition()
        self._queue: deque[Pending] = deque()
        self._queued_bytes = 0
        self._closing = False
        self._checking: dict[int, int] = {}
        self._recent: deque[tuple[int, Pending]] = deque()
        self._forgotten = time.monotonic()
        self._checker = ThreadPoolExecutor(1, thread_name_prefix="storage-duplicates")
        self._thread = threading.Thread(target=self._run, name="storage-writer", daemon=True)

    @classmethod
    def open(cls, data: Path, table: TableSpec, settings: StorageSettings | None = None) -> "Writer":
        """Replay the write-ahead log and take appends.

        Raises UnavailableError when another process writes here, CorruptionError when the manifest is damaged,
        OSError when the folder cannot be used.
        """
        writer = cls(data, table, settings or StorageSettings())
        writer._thread.start()
        return writer

    def append(self, append: Append) -> Future[int]:
        """Store an append; encodes in the caller's thread, then does not block.

        The future gives the last sequence once the rows are durable and visible to readers; it is also given when
        there was nothing new to store (resent ranges, duplicates). It fails with InputError (wrong rows),
        SourceConflict, LimitError (backlog, queue) or UnavailableError (disk, closing); then nothing is stored.
        """
        failed: Future[int] = Future()
        try:
            pending = prepare_append(append, self._table)
            with self._changed:
                self._enqueue(pending)
        except OpsConductorError as error:
            failed.set_exception(error)
            return failed
        return pending.future

    def committed_sources(self, tenant: str) -> dict[str, int]:
        """The committed end of each known source of a tenant."""
        with self._changed:
            return self._sources.committed(tenant)

    @property
    def backlog_bytes(self) -> int:
        """Bytes of the write-ahead log that wait for the compactor."""
        return self._backlog.measure()

    @property
    def last_sequence(self) -> int:
        """The last committed sequence."""
        return self._wal.next_sequence - 1

    def close(self) -> None:
        """Commit what was appended, refuse what comes later, end the threads. Safe to call twice."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._checker.shutdown()
        self._wal.close()
        self._committed.close()
        os.close(self._lock_handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _recover(self) -> Recovered:
        manifest, lease = acquire_lease(self._data)
        try:
            return recover_wal(self._data, manifest, self._committed)
        finally:
            lease.release()

    def _enqueue(self, pending: Pending) -> None:
        if self._closing:
            raise UnavailableError("cannot store rows: the store is stopping; send them again in a moment")
        size, limit = pending.payload.size, self._settings.max_queued_bytes
        if self._queue and self._queued_bytes + size > limit:
            raise LimitError(
                f"cannot store rows: {self._queued_bytes} bytes wait for the disk, max_queued_bytes is {limit}; "
                f"send them again later",
                "max_queued_bytes",
            )
        pending.future.set_running_or_notify_cancel()  # from here on a caller that leaves cannot stop it
        self._queue.append(pending)
        self._queued_bytes += size
        self._changed.notify_all()

    def _run(self) -> None:
        while group := self._take_group():
            try:
                self._commit(group)
            except Exception as error:
                # Whatever is wrong, callers must hear of it and others go on.
                log.exception("cannot commit a group of appends")
                for pending in group:
                    if not pending.future.done() and id(pending) not in self._checking:
                        pending.future.set_exception(UnavailableError(f"cannot store rows: {error}"))
            if time.monotonic() - self._forgotten > _FORGET_S:
                self._forgotten = time.monotonic()
                with self._changed:
                    self._sources.forget(time.time_ns() - self._settings.source_ttl_ns)

    def _take_group(self) -> list[Pending]:
        """The appends that wait, bounded; empty when the writer is closing and nothing is left."""
        with self._changed:
            while not self._queue and not (self._closing and not self._checking):
                self._changed.wait()
            group: list[Pending] = []
            size = 0
            while self._queue and len(group) < _GROUP_APPENDS and size < _GROUP_BYTES:
                group.append(self._queue.popleft())
                size += group[-1].payload.size
            self._queued_bytes -= size
            return group

    def _commit(self, appends: Sequence[Pending]) -> None:
        group = _Group()
        for pending in appends:
            self._admit(pending, group)
        first = self._wal.next_sequence
        try:
            if group.stored:
                self._check_space(sum(pending.payload.size for pending in group.stored))
                self._wal.write([pending.payload for pending in group.stored])
        except (UnavailableError, LimitError) as error:
            for pending in [*group.stored, *(pending for pending, _ in group.answered)]:
                pending.future.set_exception(error)
            return
        self._record(group, first)

    def _record(self, group: _Group, sequence: int) -> None:
        now = time.time_ns()
        with self._changed:
            for (tenant, name), end in group.ends.items():
                self._sources.move(tenant, name, end, now)
            waiting = min(self._checking.values(), default=None)
        results = []
        for pending in group.stored:
            sequence += pending.payload.spent
            results.append((pending, sequence - 1))
            self._backlog.add(sequence - 1, pending.payload.size)
            if waiting is not None and pending.spans is not None:
                self._recent.append((sequence - 1, pending))
        while self._recent and (waiting is None or self._recent[0][0] <= waiting):
            self._recent.popleft()
        for pending, last in results:
            pending.future.set_result(last)
        for pending, error in group.answered:
            if error is None:
                pending.future.set_result(sequence - 1)
            else:
                pending.future.set_exception(error)

    def _admit(self, pending: Pending, group: _Group) -> None:
        tenant, ranges = pending.append.tenant, pending.append.sources
        verdict = self._sources.judge(tenant, ranges, group.ends)
        if verdict is Verdict.CONFLICT:
            group.answered.append((pending, SourceConflict(self._sources.named(tenant, ranges, group.ends))))
        elif verdict is Verdict.COMMITTED:
            group.answered.append((pending, None))
        elif not pending.foreign or self._compare(pending, group):
            if pending.foreign and pending.spans is None:
                group.answered.append((pending, None))
                return
            if pending.spans is not None:
                self._newest.observe(tenant, pending.spans)
            group.stored.append(pending)
            group.ends.update({(tenant, item.id): item.end for item in ranges})

    def _compare(self, pending: Pending, group: _Group) -> bool:
        """Whether the rows left in `pending` are new; False when they go to the checker first and come back later."""
        tenant, spans, since = pending.append.tenant, pending.spans, pending.checked_through
        if since is None:
            if spans is None or self._newest.exceeds(tenant, spans):
                return True
            with self._changed:
                self._checking[id(pending)] = self._wal.next_sequence - 1
            self._checker.submit(self._check_stored, pending)
            return False
        with self._changed:
            self._checking.pop(id(pending), None)
        if spans is None:
            return True
        others = [other for last, other in self._recent if last > since] + group.stored
        tables = [pa.Table.from_batches([other.rows]) for other in others if _may_share(other, pending)]
        if tables:
            pending.keep(~mark_stored(pending.rows, self._table.identity, (), tables))
        return True

    def _check_stored(self, pending: Pending) -> None:
        """Drop the rows that are stored already; runs beside the commits, which compare with what came meanwhile."""
        spans = pending.spans
        assert spans is not None  # noqa: S101 - _compare() lets only rows pass
        try:
            with self._reader.snapshot(pending.append.tenant) as snapshot:
                parts = snapshot.list_parts(int(spans.first.min()), int(spans.last.max()) + 1)
                segments = [part.path for part in parts if part.path is not None]
                tables = [part.table for part in parts if part.table is not None]
                pending.keep(~mark_stored(pending.rows, self._table.identity, segments, tables))
            pending.checked_through = snapshot.last_sequence
        except (OSError, OpsConductorError, duckdb.Error, pa.ArrowException) as error:
            log.exception("cannot compare rows with what is stored")
            pending.future.set_exception(UnavailableError(f"cannot store rows: comparing them failed: {error}"))
            with self._changed:
                self._checking.pop(id(pending), None)
                self._changed.notify_all()
            return
        with self._changed:
            self._queue.append(pending)
            self._queued_bytes += pending.payload.size
            self._changed.notify_all()

    def _check_space(self, size: int) -> None:
        limit, reserve = self._settings.max_backlog_bytes, self._settings.disk_reserve_bytes
        if self._backlog.exceeds(limit - size):
            raise LimitError(
                f"cannot store rows: the write-ahead log waits for compaction, max_backlog_bytes is {limit}; send "
                f"them again later",
                "max_backlog_bytes",
            )
        if reserve and free_bytes(self._data) < reserve + size:
            raise UnavailableError(
                f"cannot store rows: the disk has less than disk_reserve_bytes ({reserve}) free ({self._data}); free "
                f"some, writing resumes by itself"
            )


def _may_share(other: Pending, pending: Pending) -> bool:
    """Whether two appends may hold the same row, by tenant and time."""
    if other.append.tenant != pending.append.tenant or other.spans is None or pending.spans is None:
        return False
    return bool(
        other.spans.last.max() >= pending.spans.first.min() and other.spans.first.min() <= pending.spans.last.max()
    )

"""Compaction: frames of the write-ahead log become segments; old segments and consumed files go."""

import logging
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from opsconductor.model.errors import OpsConductorError
from opsconductor.storage.disk import CorruptionError, lock_file, make_directory
from opsconductor.storage.frame import Frame
from opsconductor.storage.head import Head
from opsconductor.storage.layout import list_wal_files, segments_directory, sidecar_name, wal_path
from opsconductor.storage.lease import oldest_lease
from opsconductor.storage.manifest import (
    Manifest,
    ManifestConflict,
    Removed,
    Segment,
    load_manifest,
    publish_manifest,
)
from opsconductor.storage.quarantine import quarantine_bytes
from opsconductor.storage.segment import split_days, write_segment
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.sources import SourceTable, drop_unused
from opsconductor.storage.table import TableSpec

log = logging.getLogger(__name__)

_RETRY_S = 5.0


class Compactor:
    """The one compactor of a data folder; its memory is bounded by flush_rows and flush_bytes. Not thread-safe."""

    def __init__(self, data: Path, table: TableSpec, settings: StorageSettings | None = None) -> None:
        """Take the folder's compactor lock and remove what an earlier one left unfinished.

        Raises UnavailableError when another process compacts here, CorruptionError when the manifest is damaged or
        missing.
        """
        self._data, self._table, self._settings = data, table, settings or StorageSettings()
        make_directory(data)
        self._lock_handle = lock_file(data / "compactor.lock", "compact")
        self._head = Head(data, table.schema, partial(quarantine_bytes, data))
        try:
            self._remove_unknown(load_manifest(data))
        except BaseException:
            self.close()
            raise

    def run(self, stop: threading.Event, idle_s: float | None = None) -> None:
        """Work until told to stop, or until there was nothing to do for idle_s.

        A full disk or a damaged file is logged and tried again.
        """
        busy_at = time.monotonic()
        while not stop.is_set() and (idle_s is None or time.monotonic() - busy_at < idle_s):
            pause = self._settings.compactor_interval_ns / 1e9
            try:
                if self.run_once():
                    pause, busy_at = 0.0, time.monotonic()
            except (OSError, OpsConductorError, pa.ArrowException):
                log.exception("cannot compact: trying again")
                pause = max(pause, _RETRY_S)
            stop.wait(pause)

    def run_once(self) -> bool:
        """Flush at most one slice of the log, apply retention, unlink what nobody needs; whether anything changed.

        Raises OSError when the disk refuses; then nothing changed.
        """
        manifest = load_manifest(self._data)
        frames = self._select_frames(manifest)
        cutoff = time.time_ns() - self._settings.retention_ns if self._settings.retention_ns else None
        expired = [item for item in manifest.segments if cutoff is not None and item.max_time < cutoff]
        changed = bool(frames or expired)
        if changed:
            try:
                manifest = self._publish(manifest, frames, expired)
            except ManifestConflict:
                log.info("another process changed the manifest: the compaction is done again")
                return True
        self._unlink_removed(manifest)
        return changed

    def close(self) -> None:
        """Give the lock back. Safe to call twice."""
        if self._lock_handle >= 0:
            os.close(self._lock_handle)
            self._lock_handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _select_frames(self, manifest: Manifest) -> list[Frame]:
        """The next slice when it is due, else nothing."""
        settings = self._settings
        self._head.refresh(manifest.low_watermark, settings.flush_bytes)
        frames = self._head.frames
        if not frames:
            return []
        # The clock may have been set back: a frame from the future is due as well.
        age = abs(time.time_ns() - frames[0].written_ns)
        rows = sum(frame.rows for frame in frames)
        full = rows >= settings.flush_rows or self._head.size >= settings.flush_bytes
        if not full and age < settings.flush_interval_ns:
            return []
        count = rows = 0
        for frame in frames:
            if count and rows + frame.rows > settings.flush_rows:
                break
            count, rows = count + 1, rows + frame.rows
        return frames[:count]

    def _publish(self, manifest: Manifest, frames: Sequence[Frame], expired: Sequence[Segment]) -> Manifest:
        now, version = time.time_ns(), manifest.version + 1
        written = self._write_segments(frames)
        low = frames[-1].last_sequence if frames else manifest.low_watermark
        sources = SourceTable(manifest.sources)
        for frame in frames:
            for name, _, end, _ in frame.metadata["sources"]:
                sources.move(frame.tenant, name, end, frame.written_ns)
        gone = {item.path for item in expired}
        removed = [item for item in manifest.removed if (self._data / item.path).exists()]
        listed = {item.path for item in removed}
        consumed = [str(path.relative_to(self._data)) for path in self._list_consumed(low)]
        removed += [Removed(path, version) for path in [*consumed, *sorted(gone)] if path not in listed]
        following = replace(
            manifest,
            version=version,
            table=self._table.name,
            low_watermark=low,
            segments=(*(item for item in manifest.segments if item.path not in gone), *written),
            removed=tuple(removed),
            sources=drop_unused(sources.export(), now - self._settings.source_ttl_ns),
        )
        publish_manifest(self._data, following)
        self._head.refresh(low, 0)
        pa.default_memory_pool().release_unused()
        log.info(
            "compacted",
            extra={
                "version": version,
                "segments": len(written),
                "rows": sum(s.rows for s in written),
                "expired": len(expired),
                "low_watermark": low,
            },
        )
        return following

    def _write_segments(self, frames: Sequence[Frame]) -> list[Segment]:
        tenants: dict[str, list[Frame]] = {}
        for frame in frames:
            if frame.rows:
                tenants.setdefault(frame.tenant, []).append(frame)
        written = []
        for tenant, of_tenant in tenants.items():
            labels = {number: text for frame in of_tenant for number, text in frame.metadata["series"]}
            rows = pa.Table.from_batches([self._head.batch(frame) for frame in of_tenant])
            for day, part in split_days(rows):
                written.append(
                    write_segment(self._data, self._table, tenant, day, part, labels, self._settings.row_group_rows)
                )
        return written

    def _list_consumed(self, low_watermark: int) -> list[Path]:
        """WAL files whose frames are all in segments; never the newest, into which the writer may write."""
        files = list_wal_files(self._data)
        return [wal_path(self._data, first) for first, following in pairwise(files) if following <= low_watermark + 1]

    def _unlink_removed(self, manifest: Manifest) -> None:
        if not manifest.removed:
            return
        oldest = oldest_lease(self._data, self._settings.lease_ttl_ns)
        for item in manifest.removed:
            if oldest is not None and oldest < item.version:
                continue
            path = self._data / item.path
            if path.suffix == ".parquet":
                (self._data / sidecar_name(item.path)).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            if path.suffix == ".parquet":
                with suppress(OSError):  # other segments lie there
                    path.parent.rmdir()

    def _remove_unknown(self, manifest: Manifest) -> None:
        """Remove segments that no manifest names: a compactor died between writing and publishing them."""
        found = [path for path in segments_directory(self._data).rglob("*") if path.suffix in {".parquet", ".tmp"}]
        files = list_wal_files(self._data)
        if found and manifest.version == 0 and (not files or files[0] != 1):
            raise CorruptionError(
                f"cannot compact: there are segments but no manifest ({self._data}); restore the folder 'manifest' "
                f"from a backup, or move 'segments' away to start anew. Nothing was deleted"
            )
        named = {item.path for item in manifest.segments} | {item.path for item in manifest.removed}
        named |= {sidecar_name(path) for path in named}
        for path in found:
            if str(path.relative_to(self._data)) not in named:
                path.unlink()
                log.warning("removed an unfinished segment; its rows are still in the log", extra={"file": str(path)})
        for segment in manifest.segments:
            if not (self._data / segment.path).exists():
                log.error("a segment is missing: queries of its time will fail", extra={"file": segment.path})

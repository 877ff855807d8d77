"""The write-ahead log as its writer sees it: durable group writes, new files, a failing disk."""

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opsconductor.model.errors import UnavailableError
from opsconductor.storage.committed import CommittedWriter, Position
from opsconductor.storage.disk import sync_directory
from opsconductor.storage.frame import ALIGNMENT, Payload, pack_frame
from opsconductor.storage.layout import wal_directory, wal_path
from opsconductor.storage.walfile import pack_file_header

log = logging.getLogger(__name__)

_VECTOR = 512
"""Buffers of one pwritev; Linux allows 1,024."""


class Wal:
    """Appends groups of frames. Not thread-safe. A file is started when there is something to write into it."""

    def __init__(self, data: Path, committed: CommittedWriter, next_sequence: int, file_bytes: int) -> None:
        self._data = data
        self._committed = committed
        self._file_bytes = file_bytes
        self._handle: int | None = None
        self._first = self._length = self._salt = 0
        self.next_sequence = next_sequence

    def write(self, payloads: Sequence[Payload]) -> None:
        """Make a group durable as a whole, then visible to readers.

        Raises UnavailableError when the disk refuses; then nothing of the group is stored.
        """
        try:
            self._open_file()
            sequence, parts = self.next_sequence, []
            now = time.time_ns()
            for payload in payloads:
                parts += pack_frame(payload, sequence, now, self._salt)
                sequence += payload.spent
            self._write_parts(parts)
        except OSError as error:
            raise UnavailableError(
                f"cannot store rows: {error.strerror} ({wal_directory(self._data)}); free or replace the disk, "
                f"writing resumes by itself"
            ) from error
        self._length += sum(payload.size for payload in payloads)
        self.next_sequence = sequence
        self._committed.publish(Position(self._first, self._length, sequence - 1))

    def close(self) -> None:
        """Close the file; everything in it is durable already."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _open_file(self) -> None:
        if self._handle is not None and self._length < self._file_bytes:
            return
        first = self.next_sequence
        header, salt = pack_file_header(first)
        path = wal_path(self._data, first)
        temporary = path.with_name(f"{path.name}.tmp")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            _write_all(handle, [header], 0)
            os.fsync(handle)
            temporary.replace(path)
            sync_directory(path.parent)
        except OSError:
            os.close(handle)
            temporary.unlink(missing_ok=True)
            raise
        self.close()
        self._handle, self._first, self._length, self._salt = handle, first, ALIGNMENT, salt
        self._committed.publish(Position(first, ALIGNMENT, first - 1))

    def _write_parts(self, parts: Sequence[Any]) -> None:
        handle = self._handle
        assert handle is not None  # noqa: S101 - _open_file() ran
        try:
            _write_all(handle, parts, self._length)
        except OSError:
            self._cut()
            raise
        try:
            os.fdatasync(handle)
        except OSError:
            # The kernel may have dropped the pages and called them clean: nothing more is promised of this file.
            log.exception("cannot make the write-ahead log durable: a new file is started")
            self._abandon()
            raise

    def _cut(self) -> None:
        """Take a half-written group back. Where even that fails, go on in a new file, which supersedes it."""
        assert self._handle is not None  # noqa: S101 - called after a write to it
        try:
            os.ftruncate(self._handle, self._length)
        except OSError:
            log.exception("cannot cut the write-ahead log back: a new file is started")
            self._abandon()

    def _abandon(self) -> None:
        assert self._handle is not None  # noqa: S101 - called after a write to it
        try:
            os.ftruncate(self._handle, self._length)
        except OSError:
            log.warning("cannot cut the write-ahead log back: the next file supersedes its end")
        self.close()


def _write_all(handle: int, parts: Sequence[Any], offset: int) -> None:
    for start in range(0, len(parts), _VECTOR):
        chunk = [memoryview(part) for part in parts[start : start + _VECTOR]]
        while chunk:
            done = os.pwritev(handle, chunk, offset)
            offset += done
            while chunk and done >= len(chunk[0]):
                done -= len(chunk.pop(0))
            if chunk and done:
                chunk[0] = chunk[0][done:]

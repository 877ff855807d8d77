"""The committed position: how far the write-ahead log is durable, published by the writer in a mapped file.

Two slots, each with a generation and a checksum; a publication overwrites the older slot, so that a reader, which
takes the newer good one, never sees a half-written position. Layout: docs/formats/wal.md.
"""

import mmap
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from crc32c import crc32c

_SLOT = struct.Struct("<QQQQ")
_SLOT_SIZE = 64
_SIZE = 2 * _SLOT_SIZE


@dataclass(frozen=True)
class Position:
    """Everything in WAL files before the one that starts at sequence `first`, and `length` bytes of that one."""

    first: int
    length: int
    last_sequence: int


def _read_slots(content: bytes) -> tuple[int, Position] | None:
    best: tuple[int, Position] | None = None
    for at in (0, _SLOT_SIZE):
        generation, first, length, last = _SLOT.unpack_from(content, at)
        (checksum,) = struct.unpack_from("<I", content, at + _SLOT.size)
        if generation and checksum == crc32c(content[at : at + _SLOT.size]) and (not best or generation > best[0]):
            best = generation, Position(first, length, last)
    return best


class CommittedReader:
    """Reads the position, also while no writer runs. Cheap: two cache lines of shared memory. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._map: mmap.mmap | None = None

    def read(self) -> Position | None:
        """The newest position; None before the first commit."""
        if self._map is None and not self._open():
            return None
        assert self._map is not None  # noqa: S101 - tells the type checker what _open() did
        best = _read_slots(self._map[:_SIZE])
        return best[1] if best else None

    def _open(self) -> bool:
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < _SIZE:
                    return False
                self._map = mmap.mmap(file.fileno(), _SIZE, prot=mmap.PROT_READ)
        except FileNotFoundError:
            return False
        return True


class CommittedWriter:
    """Publishes the position; one per data folder, by the writer."""

    def __init__(self, path: Path) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(handle).st_size < _SIZE:
                os.ftruncate(handle, _SIZE)
                os.pwrite(handle, bytes(_SIZE), 0)  # takes the blocks now: a store to a hole on a full disk is SIGBUS
                os.fsync(handle)
            self._map = mmap.mmap(handle, _SIZE)
        finally:
            os.close(handle)
        best = _read_slots(self._map[:_SIZE])
        self._generation = best[0] if best else 0
        self.position = best[1] if best else None

    def publish(self, position: Position) -> None:
        """Let readers see everything up to the position; call after it is durable."""
        self._generation += 1
        slot = _SLOT.pack(self._generation, position.first, position.length, position.last_sequence)
        slot += struct.pack("<I", crc32c(slot))
        at = (self._generation % 2) * _SLOT_SIZE
        self._map[at : at + len(slot)] = slot
        self.position = position

    def close(self) -> None:
        """Unmap; the published position stays."""
        self._map.close()

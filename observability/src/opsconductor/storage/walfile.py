"""One file of the write-ahead log as a reader maps it. Layout: docs/formats/wal.md."""

import mmap
import os
import secrets
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from crc32c import crc32c

from opsconductor.storage.frame import ALIGNMENT, Damage, Frame, scan_frames

FILE_MAGIC = b"OCWAL\x00\x00\x01"
_FILE_HEADER = struct.Struct("<8sQQq28x")


def pack_file_header(first: int) -> tuple[bytes, int]:
    """The 64 bytes at a WAL file's start and the random salt of its frames."""
    salt = secrets.randbits(64)
    text = _FILE_HEADER.pack(FILE_MAGIC, salt, first, time.time_ns())
    return text + struct.pack("<I", crc32c(text)), salt


@dataclass(frozen=True)
class MappedFile:
    """Bytes [0, size) of a WAL file, mapped read-only. salt is None where the file's header is damaged."""

    buffer: pa.Buffer
    size: int
    salt: int | None

    def scan(self, start: int) -> Iterator[Frame | Damage]:
        """Frames and damaged ranges from offset `start` on (0 means after the header)."""
        return scan_frames(self.buffer, max(start, ALIGNMENT), self.size, self.salt)


def map_file(path: Path, size: int | None = None) -> MappedFile:
    """Map a WAL file, whole or its first `size` bytes. Raises OSError, FileNotFoundError."""
    with path.open("rb") as file:
        actual = os.fstat(file.fileno()).st_size
        size = actual if size is None else min(size, actual)
        if size < ALIGNMENT:
            return MappedFile(pa.py_buffer(b""), 0, None)
        mapping = mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)
    header = mapping[:ALIGNMENT]
    magic, salt, _, _ = _FILE_HEADER.unpack_from(header)
    good = magic == FILE_MAGIC and struct.pack("<I", crc32c(header[:60])) == header[60:]
    return MappedFile(pa.py_buffer(mapping), size, salt if good else None)


def walk_file(mapped: MappedFile, start: int, expected: int, limit: int | None) -> Iterator[Frame | Damage]:
    """What of a file counts: its frames below sequence `limit`, the next file's first (None in the newest file).

    start, expected: where the walk begins and the sequence due there. What follows the last frame below the limit
    was never acknowledged (a write that failed and was repeated in the next file) and is passed over in silence.
    """
    for item in mapped.scan(start):
        if isinstance(item, Frame):
            if limit is not None and item.sequence >= limit:
                return
            expected = item.last_sequence + 1
        elif limit is not None and expected >= limit:
            return
        yield item

"""The journal: the one batch that may have been sent without an answer, as it was sent.

A file of one record: magic, CRC32 and lengths, a JSON head, the push's body. It is overwritten in place: while a
record is written, nothing of it was sent, so a torn one is no loss.
"""

import json
import os
import struct
import zlib
from pathlib import Path

from opsconductor.collector.batch import Range, Record

MAGIC = b"OCJ1"
_FRAME = struct.Struct("<4sIII")
"""Magic, CRC32 of head and body, length of head, length of body."""


class Journal:
    """The file, open for as long as the collector runs."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def write(self, record: Record) -> None:
        """Replace the record; it is on the disk when this returns. Raises OSError."""
        head = _format_head(record)
        check = zlib.crc32(record.body, zlib.crc32(head))
        data = _FRAME.pack(MAGIC, check, len(head), len(record.body)) + head + record.body
        written = 0
        while written < len(data):
            written += os.pwrite(self._descriptor, data[written:], written)
        os.ftruncate(self._descriptor, len(data))
        os.fdatasync(self._descriptor)

    def read(self) -> Record | None:
        """The record; None where there is none or its writing was interrupted."""
        size = os.fstat(self._descriptor).st_size
        data = os.pread(self._descriptor, size, 0)
        if len(data) < _FRAME.size:
            return None
        magic, check, head_size, body_size = _FRAME.unpack_from(data)
        head = data[_FRAME.size : _FRAME.size + head_size]
        body = data[_FRAME.size + head_size : _FRAME.size + head_size + body_size]
        if magic != MAGIC or len(body) != body_size or zlib.crc32(body, zlib.crc32(head)) != check:
            return None
        return _parse_head(head, body)


def _format_head(record: Record) -> bytes:
    ranges = [[item.id, item.start, item.end, item.gap, item.anchor.hex()] for item in record.ranges]
    fields = {"sequence": record.sequence, "entries": record.entries, "size": record.size}
    return json.dumps({**fields, "ranges": ranges}).encode()


def _parse_head(head: bytes, body: bytes) -> Record:
    data = json.loads(head)
    ranges = [Range(key, start, end, gap, bytes.fromhex(anchor)) for key, start, end, gap, anchor in data["ranges"]]
    return Record(data["sequence"], data["entries"], data["size"], tuple(ranges), body)

"""Frames of the write-ahead log: packing, checking, and finding the next good one. Layout: docs/formats/wal.md."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from crc32c import crc32c

ALIGNMENT = 64
FRAME_MAGIC = b"OCWF"
KIND_ROWS = 1
_HEADER = struct.Struct("<4sIQIHHIIQQqQ")
_CHECKED = struct.Struct("<QIHHIIQQqQ")
"""The header without magic and its own checksum: what that checksum covers."""
MAX_ROWS = 2**32 - 1


def pad_size(size: int) -> int:
    """Bytes that follow `size` bytes up to the next multiple of 64."""
    return -size % ALIGNMENT


@dataclass(frozen=True)
class Payload:
    """A frame without its place: what does not depend on sequence, file and time.

    metadata: padded JSON; body: uncompressed Arrow IPC stream of one batch, or None for no rows; rows and spent: the
    rows and the sequence numbers it takes (at least one); size: of the whole frame in bytes.
    """

    metadata: bytes
    metadata_size: int
    body: pa.Buffer | None
    rows: int
    checksum: int

    @property
    def spent(self) -> int:
        """Sequence numbers that the frame takes: one a row, and one where it has none."""
        return max(self.rows, 1)

    @cached_property
    def body_size(self) -> int:
        """Bytes of the body."""
        return 0 if self.body is None else int(self.body.size)

    @cached_property
    def size(self) -> int:
        """Bytes of the whole frame."""
        return ALIGNMENT + len(self.metadata) + self.body_size + pad_size(self.body_size)


def encode_payload(metadata: dict[str, Any], rows: pa.RecordBatch | None) -> Payload:
    """The payload of a batch; None or an empty batch has no body."""
    text = orjson.dumps(metadata)
    padded = text + bytes(pad_size(len(text)))
    body = None
    checksum = int(crc32c(padded))
    if rows is not None and rows.num_rows:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as stream:
            stream.write_batch(rows)
        body = sink.getvalue()
        checksum = int(crc32c(body, checksum))
    return Payload(padded, len(text), body, 0 if rows is None else rows.num_rows, checksum)


def pack_frame(payload: Payload, sequence: int, written_ns: int, salt: int) -> list[Any]:
    """The buffers of a frame, in order, for one vectored write."""
    checked = _CHECKED.pack(
        sequence,
        payload.rows,
        KIND_ROWS,
        0,
        payload.metadata_size,
        payload.checksum,
        payload.body_size,
        payload.size,
        written_ns,
        salt,
    )
    parts: list[Any] = [FRAME_MAGIC + struct.pack("<I", crc32c(checked)) + checked, payload.metadata]
    if payload.body is not None:
        parts.append(memoryview(payload.body))
        if pad := pad_size(payload.body_size):
            parts.append(bytes(pad))
    return parts


@dataclass(frozen=True)
class Damage:
    """Bytes [start, end) of a file that hold no good frame."""

    start: int
    end: int


@dataclass(frozen=True)
class Frame:
    """A good frame in a mapped file; `buffer` is that mapping, which lives as long as the frame.

    metadata: {"tenant", "min", "max" (ns), "series": [[id, labels]], "sources": [[id, start, end, gap]]}.
    """

    buffer: pa.Buffer
    start: int
    size: int
    sequence: int
    rows: int
    kind: int
    written_ns: int
    body: tuple[int, int]
    metadata: dict[str, Any]

    @property
    def end(self) -> int:
        """Offset of the first byte after the frame."""
        return self.start + self.size

    @property
    def last_sequence(self) -> int:
        """The highest sequence number that the frame takes."""
        return self.sequence + max(self.rows, 1) - 1

    @property
    def tenant(self) -> str:
        """Whose rows these are."""
        return str(self.metadata["tenant"])

    def decode(self, schema: pa.Schema) -> pa.RecordBatch:
        """The rows without a copy, with their sequence numbers as the last column, as the table's schema."""
        start, size = self.body
        batch = pa.ipc.open_stream(self.buffer.slice(start, size)).read_next_batch()
        numbers = pa.array(np.arange(self.sequence, self.sequence + self.rows, dtype=np.uint64))
        return pa.RecordBatch.from_arrays([*batch.columns, numbers], schema=schema)


def _read_frame(view: memoryview, buffer: pa.Buffer, at: int, end: int, salt: int | None) -> Frame | None:
    if at + ALIGNMENT > end or view[at : at + 4] != FRAME_MAGIC:
        return None
    magic_and_crc = _HEADER.unpack_from(view, at)
    _, header_crc, sequence, rows, kind, _, metadata_size, checksum, body_size, size, written, own = magic_and_crc
    if crc32c(view[at + 8 : at + ALIGNMENT]) != header_crc or (salt is not None and own != salt):
        return None
    body_start = at + ALIGNMENT + metadata_size + pad_size(metadata_size)
    if at + size > end or body_start + body_size + pad_size(body_size) != at + size:
        return None
    if crc32c(view[at + ALIGNMENT : body_start + body_size]) != checksum:
        return None
    metadata = orjson.loads(view[at + ALIGNMENT : at + ALIGNMENT + metadata_size])
    return Frame(buffer, at, size, sequence, rows, kind, written, (body_start, body_size), metadata)


def _find_candidates(view: memoryview, at: int, end: int) -> Sequence[int]:
    whole = at + (end - at) // ALIGNMENT * ALIGNMENT
    if whole <= at:
        return ()
    words = np.frombuffer(view[at:whole], dtype="<u4")[:: ALIGNMENT // 4]
    found = np.flatnonzero(words == int.from_bytes(FRAME_MAGIC, "little"))
    return [int(index) * ALIGNMENT + at for index in found]


def scan_frames(buffer: pa.Buffer, at: int, end: int, salt: int | None) -> Iterator[Frame | Damage]:
    """Frames and damaged ranges of bytes [at, end) of a mapped file, in order, each byte in one of them.

    salt: the file's; frames with another are leftovers or forgeries and count as damage. None accepts any.
    """
    view = memoryview(buffer)
    while at < end:
        frame = _read_frame(view, buffer, at, end, salt)
        bad = at
        if frame is None:
            for candidate in _find_candidates(view, at + ALIGNMENT, end):
                frame = _read_frame(view, buffer, candidate, end, salt)
                if frame is not None:
                    break
            yield Damage(bad, end if frame is None else frame.start)
            if frame is None:
                return
        yield frame
        at = frame.end

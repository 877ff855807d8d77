"""Whole lines of one open file from an offset on, and the proof that the file is still the one that was read."""

import os
from dataclasses import dataclass

BLOCK_BYTES = 64 * 1024
"""Read at once from one file, so that a huge file leaves the others their turn."""

ANCHOR_BYTES = 32
"""Bytes before the offset that must still be there at the next read."""

LINE_BYTES_MAX = 4 * 1024 * 1024
"""A longer line is cut, so that memory stays bounded."""

SCAN_BYTES = 16 * 1024 * 1024
"""How far one read looks for the end of a very long line."""


def read_anchor(descriptor: int, offset: int) -> bytes:
    """The bytes of a file before an offset that prove, at the next read, that it is still the same."""
    size = min(offset, ANCHOR_BYTES)
    return os.pread(descriptor, size, offset - size)


class FileTruncatedError(Exception):
    """The file is shorter than what was read, or holds something else there."""


@dataclass(frozen=True)
class Block:
    """Lines without their ends, in order. start, end: offsets in the file; cut: the (only) line was shortened.

    anchor: the last bytes before `end`.
    """

    lines: list[bytes]
    start: int
    end: int
    anchor: bytes
    cut: bool = False


class Tail:
    """An open descriptor and where reading stands.

    head: the first line's bytes; anchor: bytes before the offset. Both are checked at every read.
    """

    def __init__(self, descriptor: int, offset: int, anchor: bytes, head: bytes) -> None:
        self.descriptor, self.head = descriptor, head
        self.seek(offset, anchor)

    def seek(self, offset: int, anchor: bytes) -> None:
        """Read from here next."""
        self.offset, self.anchor = offset, anchor
        self._scanned = offset
        self._seen = (-1, -1)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)

    def stat(self) -> os.stat_result:
        """The open file's own state, whatever its name is by now."""
        return os.fstat(self.descriptor)

    def read(self) -> Block | None:
        """The next whole lines, None where there are none yet. Raises FileTruncatedError."""
        state = self.stat()
        if state.st_size < self.offset:
            raise FileTruncatedError
        seen = (state.st_size, state.st_mtime_ns)
        if seen == self._seen:
            return None
        body = self._read_checked(BLOCK_BYTES)
        end = body.rfind(b"\n")
        if end >= 0:
            return self._finish(body[:end].split(b"\n"), self.offset + end + 1, body[: end + 1])
        if len(body) == BLOCK_BYTES:
            return self._read_long(state.st_size, seen)
        self._seen = seen
        return None

    def read_rest(self) -> Block | None:
        """The unfinished last line of a file that nobody writes to any more; None where there is none."""
        body = self._read_checked(LINE_BYTES_MAX)
        if not body or b"\n" in body:  # it was finished meanwhile: `read` takes it
            return None
        cut = len(body) == LINE_BYTES_MAX
        return self._finish([body], self.stat().st_size if cut else self.offset + len(body), body, cut)

    def _read_checked(self, size: int) -> bytes:
        """Bytes from the offset on, read together with those that prove that the file is still the same."""
        data = os.pread(self.descriptor, len(self.anchor) + size, self.offset - len(self.anchor))
        if not data.startswith(self.anchor) or os.pread(self.descriptor, len(self.head), 0) != self.head:
            raise FileTruncatedError
        return data[len(self.anchor) :]

    def _read_long(self, size: int, seen: tuple[int, int]) -> Block | None:
        stop = min(size, self._scanned + SCAN_BYTES)
        while self._scanned < stop:
            chunk = os.pread(self.descriptor, BLOCK_BYTES, self._scanned)
            found = chunk.find(b"\n")
            if found >= 0:
                length = self._scanned + found - self.offset
                line = os.pread(self.descriptor, min(length, LINE_BYTES_MAX), self.offset)
                end = self.offset + length + 1
                return self._finish([line], end, read_anchor(self.descriptor, end), cut=length > LINE_BYTES_MAX)
            if not chunk:
                break
            self._scanned += len(chunk)
        if self._scanned >= size:
            self._seen = seen
        return None

    def _finish(self, lines: list[bytes], end: int, last: bytes, cut: bool = False) -> Block:
        anchor = last[-ANCHOR_BYTES:] if len(last) >= ANCHOR_BYTES else (self.anchor + last)[-ANCHOR_BYTES:]
        block = Block(lines, self.offset, end, anchor, cut)
        self.seek(end, anchor)
        return block

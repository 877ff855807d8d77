"""A box's log file: whole lines, rotated by rename, dropped and counted when the disk refuses them.

    <box>.log → <box>.log.1 → … → <box>.log.5 → gone

The collector follows a file by its inode, so a renamed file is read to its end.
"""

import os
import threading
from collections import deque
from pathlib import Path

ROTATE_BYTES = 10 * 1024 * 1024
KEEP_FILES = 5
QUEUE_BYTES = 8 * 1024 * 1024
"""What may wait for the disk, over all boxes of a supervisor."""
LONGEST_LINE = 256 * 1024
"""A longer line is cut into pieces of this size."""


class LogFile:
    """One file with its rotated elders. write() is called by one thread; the counters may be read by any."""

    def __init__(self, path: Path, rotate_bytes: int = ROTATE_BYTES, keep_files: int = KEEP_FILES) -> None:
        self.path = path
        self.dropped = 0
        self.error = ""
        self._rotate_bytes = rotate_bytes
        self._keep_files = keep_files
        self._descriptor = -1
        self._inode = (0, 0)
        self._size = 0

    def write(self, lines: bytes) -> None:
        """Append whole lines; what the disk refuses is dropped and counted. Never raises OSError."""
        try:
            self._open()
            if self._size and self._size + len(lines) > self._rotate_bytes:
                self._rotate()
            self.error = ""
            self._append(lines)
        except OSError as error:
            self.dropped += lines.count(b"\n")
            self.error = f"{self.path}: {error.strerror}"

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        """Open, or open again when somebody removed or replaced the file."""
        try:
            found = self.path.stat()
            if self._descriptor >= 0 and (found.st_dev, found.st_ino) == self._inode:
                return
        except FileNotFoundError:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.close()
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        opened = os.fstat(self._descriptor)
        self._inode = (opened.st_dev, opened.st_ino)
        self._size = opened.st_size

    def _rotate(self) -> None:
        self.close()
        for number in range(self._keep_files - 1, 0, -1):
            elder = self.path.with_name(f"{self.path.name}.{number}")
            if elder.exists():
                elder.replace(self.path.with_name(f"{self.path.name}.{number + 1}"))
        self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        self._open()

    def _append(self, lines: bytes) -> None:
        """All of the lines, or those that fit: a torn line is cut off again and counted with the rest."""
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._descriptor, lines[written:])
        except OSError as error:
            whole = lines.rfind(b"\n", 0, written) + 1
            if whole < written:
                os.ftruncate(self._descriptor, self._size + whole)
            self._size += whole
            self.dropped += lines.count(b"\n", whole)
            self.error = f"{self.path}: {error.strerror}"
            return
        self._size += written


class LogWriter:
    """The one thread that writes to disk, behind a bounded queue: nobody who logs ever waits for a disk."""

    def __init__(self, queue_bytes: int = QUEUE_BYTES) -> None:
        self._queue: deque[tuple[LogFile, bytes]] = deque()
        self._limit = queue_bytes
        self._waiting = 0
        self._closing = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    def submit(self, file: LogFile, lines: bytes) -> bool:
        """Queue whole lines; False when the queue is full: then the caller counts them as dropped."""
        with self._wake:
            if self._waiting + len(lines) > self._limit:
                return False
            self._waiting += len(lines)
            self._queue.append((file, lines))
            self._wake.notify()
            return True

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what is queued, within the bound."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._closing:
                    self._wake.wait()
                if not self._queue:
                    return
                file, lines = self._queue.popleft()
            file.write(lines)
            with self._wake:
                self._waiting -= len(lines)


class BoxLog:
    """All that a box says, whichever of its lives says it: the file, the last line, the count of lost lines."""

    def __init__(self, file: LogFile, writer: LogWriter) -> None:
        self.file = file
        self.last_line = ""
        self._writer = writer
        self._refused = 0

    @property
    def dropped(self) -> int:
        """Lines that never reached the file."""
        return self.file.dropped + self._refused

    def submit(self, lines: bytes) -> None:
        """Whole lines, on their way to the file; never waits."""
        last = lines.rstrip().rpartition(b"\n")[2]
        if last:
            self.last_line = last[:500].decode(errors="replace")
        if not self._writer.submit(self.file, lines):
            self._refused += lines.count(b"\n")


class Stream:
    """One life's output: bytes as they come out of a pipe, cut into whole lines."""

    def __init__(self, log: BoxLog) -> None:
        self._log = log
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Pass on what is whole, keep the rest."""
        whole, newline, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest
        if newline:
            self._log.submit(whole + b"\n")
        if len(self._rest) > LONGEST_LINE:
            self.finish()

    def finish(self) -> None:
        """End a line that its writer left open (it died, or the line is too long)."""
        if self._rest:
            lines, self._rest = self._rest + b"\n", b""
            self._log.submit(lines)

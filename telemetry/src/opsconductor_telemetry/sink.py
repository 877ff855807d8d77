"""Lines out to a file descriptor without ever making the caller wait.

A bounded queue and one thread: where stdout's reader stalls (a full pipe blocks its writer after 64 KiB), the
thread waits and the queue drops its oldest lines; a later line reports how many.
"""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

from opsconductor_telemetry.instruments import DROPPED

MAX_QUEUED_BYTES = 8 * 1024 * 1024
MAX_WRITE_BYTES = 64 * 1024
GATHER_S = 0.01
"""How long a line waits for others: waking the thread costs a loaded service more than writing does."""

RETRY_S = 0.2
"""Pause after a failed write (full disk, reader gone), so that a broken stdout costs no CPU."""


class Sink:
    """fd: where lines go. report(dropped, dropped_total): the line that says how many were lost.

    Thread-safe. The thread is a daemon: a stalled reader cannot keep the process from ending.
    """

    def __init__(self, fd: int, report: Callable[[int, int], bytes], max_bytes: int = MAX_QUEUED_BYTES) -> None:
        self._fd = fd
        self._report = report
        self._max_bytes = max_bytes
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._writing = False
        self._flushes = 0
        self._torn = False
        self._unreported = 0
        self.dropped_total = 0
        self._changed = threading.Condition(threading.Lock())
        threading.Thread(target=self._run, name="telemetry-writer", daemon=True).start()

    def put(self, line: bytes) -> None:
        """Queue one line, with its newline; drops the oldest lines where the queue is full."""
        with self._changed:
            self._lines.append(line)
            self._bytes += len(line)
            while self._bytes > self._max_bytes and len(self._lines) > 1:
                self._bytes -= len(self._lines.popleft())
                self._count_dropped(1)
            if len(self._lines) == 1:
                self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything queued is written, at most timeout_s; whether that was reached."""
        with self._changed:
            self._flushes += 1
            self._changed.notify_all()
            written = self._changed.wait_for(lambda: not self._lines and not self._writing, timeout_s)
            self._flushes -= 1
            return written

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._lines))
                self._changed.wait_for(lambda: self._flushes > 0, GATHER_S)
                batch = self._take()
                self._writing = True
                dropped, self._unreported = self._unreported, 0
            if dropped:
                batch.insert(0, self._report(dropped, self.dropped_total))
            written = self._write(b"".join(batch))
            if not written:
                with self._changed:
                    # the batch is lost, and with it the report that it may have carried
                    self._unreported += dropped
                    self._count_dropped(len(batch) - bool(dropped))
                time.sleep(RETRY_S)

    def _take(self) -> list[bytes]:
        batch = [self._lines.popleft()]
        size = len(batch[0])
        while self._lines and size + len(self._lines[0]) <= MAX_WRITE_BYTES:
            batch.append(self._lines.popleft())
            size += len(batch[-1])
        self._bytes -= size
        return batch

    def _count_dropped(self, count: int) -> None:
        self._unreported += count
        self.dropped_total += count
        DROPPED.add(count, signal="logs")

    def _write(self, data: bytes) -> bool:
        """Write all of data; False when that failed. A line cut by a failure is closed before the next one."""
        if self._torn:
            data = b"\n" + data
        view = memoryview(data)
        try:
            while view:
                try:
                    view = view[os.write(self._fd, view) :]
                except BlockingIOError:  # somebody made our stdout non-blocking
                    select.select([], [self._fd], [])
        except OSError:
            self._torn = self._torn or 0 < len(view) < len(data)
            return False
        self._torn = False
        return True

"""How much of the write-ahead log waits for the compactor, as the writer knows it."""

import threading
import time
from collections import deque
from pathlib import Path

from opsconductor.storage.manifest import latest_version, load_manifest

_LOOK_S = 0.5


class Backlog:
    """Frames above the low-watermark, which is looked up at most twice a second. Thread-safe.

    frames: (last sequence, bytes), ascending.
    """

    def __init__(self, data: Path, frames: deque[tuple[int, int]]) -> None:
        self._data = data
        self._frames = frames
        self._bytes = sum(size for _, size in frames)
        self._version = 0
        self._looked = 0.0
        self._lock = threading.Lock()

    def add(self, last_sequence: int, size: int) -> None:
        """Count a frame just written."""
        with self._lock:
            self._frames.append((last_sequence, size))
            self._bytes += size

    def measure(self) -> int:
        """Bytes that wait."""
        with self._lock:
            if time.monotonic() - self._looked >= _LOOK_S:
                self._look()
            return self._bytes

    def exceeds(self, limit: int) -> bool:
        """Whether more than `limit` bytes wait."""
        return self.measure() > limit

    def _look(self) -> None:
        self._looked = time.monotonic()
        version = latest_version(self._data)
        if version == self._version:
            return
        manifest = load_manifest(self._data)
        self._version = manifest.version
        while self._frames and self._frames[0][0] <= manifest.low_watermark:
            self._bytes -= self._frames.popleft()[1]

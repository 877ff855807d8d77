"""When a compactor has work: asked by the writer, so that no idle compactor takes up memory."""

import time
from collections.abc import Callable

from opsconductor.storage.settings import SECOND_NS, StorageSettings

HOUSEKEEPING_NS = 3600 * SECOND_NS
"""How often retention and unknown files are looked at without new rows."""
LEAST_GAP_NS = 5 * SECOND_NS
"""Between two runs: what a run could not consume (a lease holds it) does not make it run without end."""


class CompactionClock:
    """Says when the next run is due. read_time: a monotonic clock in ns."""

    def __init__(self, settings: StorageSettings, read_time: Callable[[], int] = time.monotonic_ns) -> None:
        self._settings, self._read_time = settings, read_time
        self._last: int | None = None

    def is_due(self, backlog_bytes: int) -> bool:
        """Whether a run is due now; saying so begins the next wait.

        Due at the first question (a crash may have left files), once the backlog fills a flush, when its rows have
        waited for the flush interval, and every HOUSEKEEPING_NS.
        """
        now = self._read_time()
        if self._last is not None:
            waited, settings = now - self._last, self._settings
            is_full = backlog_bytes >= settings.flush_bytes and waited >= LEAST_GAP_NS
            is_old = backlog_bytes > 0 and waited >= settings.flush_interval_ns
            if not (is_full or is_old or waited >= HOUSEKEEPING_NS):
                return False
        self._last = now
        return True

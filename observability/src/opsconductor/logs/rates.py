"""A token bucket per tenant: how many bytes a second it may send."""

import time
from collections.abc import Callable


class RateLimiter:
    """Bytes a second per key, with a burst. Used by one thread."""

    def __init__(self, rate: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str, amount: int) -> bool:
        """Whether the amount fits now; it is taken only then. A rate of 0 refuses nothing."""
        if not self._rate:
            return True
        now = self._clock()
        tokens, since = self._buckets.get(key, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        fits = amount <= tokens
        self._buckets[key] = (tokens - amount if fits else tokens, now)
        return fits

"""What is asked beside the query's text: the time range, and what the query may cost."""

import threading
import time
from dataclasses import dataclass, field

from opsconductor.logql.errors import QueryCancelledError, QueryTimeoutError
from opsconductor.model.errors import InputError


@dataclass(frozen=True, slots=True)
class QueryParams:
    """Time range and shape of the answer; times are ns since 1970.

    Log queries read entries in [start, end) and return at most `limit`, newest first unless `forward`. Metric queries
    are evaluated at start, start + step … ≤ end; with `instant` once, at `end`.
    """

    start_ns: int
    end_ns: int
    step_ns: int = 0
    limit: int = 100
    forward: bool = False
    instant: bool = False

    def steps(self) -> range:
        """The times in ns at which a metric query is evaluated."""
        if self.instant:
            return range(self.end_ns, self.end_ns + 1)
        if self.step_ns <= 0:
            raise InputError("cannot evaluate a range query: zero or negative step; give step=<duration>")
        if self.end_ns < self.start_ns:
            raise InputError("cannot evaluate a range query: end is before start; swap them")
        return range(self.start_ns, self.end_ns + 1, self.step_ns)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one query may cost. The names in the errors, and the defaults, are those of Loki's limits_config.

    `deadline` is a time.monotonic() in seconds, or None. To cancel a query, set `cancelled` and interrupt its
    connection. `max_label_sets` and `max_cells` (label sets times steps) bound the memory on the way to the result;
    the original has no such limits.
    """

    max_entries: int = 5000
    max_series: int = 500
    max_length_ns: int = 721 * 3_600_000_000_000
    max_steps: int = 11_000
    max_label_sets: int = 200_000
    max_cells: int = 20_000_000
    deadline: float | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise QueryCancelledError once cancelled, QueryTimeoutError once the deadline has passed."""
        if self.cancelled.is_set():
            raise QueryCancelledError
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise QueryTimeoutError

"""Counters, gauges and histograms of this process, kept for whoever scrapes them.

    LOGINS = Counter("auth_logins_total", "Logins by what came of them.", labels=("result",))
    LOGINS.add(result="succeeded")

A family belongs to the process's registry from its making on; make it once, at the top of a module. Label values
come from bounded sets (a route's template, never a path); what exceeds MAX_SERIES is folded into one series and
counted. Adding and observing are thread-safe and cost about a microsecond.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from opsconductor_telemetry.context import CURRENT
from opsconductor_telemetry.traceparent import SAMPLED

MAX_SERIES = 1000
"""Series of one family; a family with more is a mistake in its labels."""

OTHER = "_OTHER"
"""Value of every label of the series that takes what is too much, as OpenTelemetry calls unknown methods."""

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""OpenTelemetry's boundaries for http.server.request.duration, in seconds."""

Values = tuple[str, ...]


class Exemplar(NamedTuple):
    """One observation and the trace that it was made in; time_s is Unix time."""

    trace_id: str
    span_id: str
    value: float
    time_s: float


@dataclass(slots=True)
class Point:
    """The number of a series of a counter or gauge."""

    value: float
    created_s: float


@dataclass(slots=True)
class Distribution:
    """The observations of a series of a histogram: one count per bucket, the last being +Inf, not yet summed up."""

    counts: list[int]
    exemplars: list[Exemplar | None]
    created_s: float
    sum: float = 0.0


@dataclass
class Registry:
    """The families in the order in which they were made; a name can be taken once."""

    families: "dict[str, Family]" = field(default_factory=dict)

    def add(self, family: "Family") -> None:
        """ValueError when the name is taken."""
        if family.name in self.families:
            raise ValueError(f"cannot make metric {family.name}: there is one of that name; import it")
        self.families[family.name] = family


REGISTRY = Registry()
"""What /metrics shows."""


class Family:
    """name: as samples show it, with the unit at its end (before a counter's _total); unit: "seconds", "bytes" or "".

    labels: the names of the labels; every call that counts names all of them. read: for values that are looked up
    rather than counted, called at each scrape; gives (label values, value) pairs.
    """

    kind = "unknown"

    def __init__(
        self,
        name: str,
        help_text: str,
        *,
        unit: str = "",
        labels: Sequence[str] = (),
        read: Callable[[], Iterable[tuple[Values, float]]] | None = None,
        registry: Registry = REGISTRY,
    ) -> None:
        self.name = name
        self.help = help_text
        self.unit = unit
        self.labels = tuple(labels)
        self.read = read
        self.folded = 0
        self._points: dict[Values, Point] = {}
        self._lock = threading.Lock()
        registry.add(self)

    def declare(self, **labels: str) -> None:
        """Show the series from now on, at zero: a rate needs the zero before the first event."""
        with self._lock:
            self._find(self._key(labels))

    def collect(self) -> list[tuple[Values, Point]]:
        """The series as they are now."""
        if self.read is not None:
            return [(values, Point(value, 0.0)) for values, value in self.read()]
        with self._lock:
            return [(values, Point(point.value, point.created_s)) for values, point in self._points.items()]

    def _key(self, labels: dict[str, str]) -> Values:
        if len(labels) != len(self.labels):
            raise TypeError(f"cannot count {self.name}: its labels are {self.labels}, not {tuple(labels)}")
        return tuple([labels[name] for name in self.labels])

    def _find(self, values: Values) -> Point:
        point = self._points.get(values)
        if point is None:
            values = self._admit(values, len(self._points))
            point = self._points.setdefault(values, Point(0.0, time.time()))
        return point

    def _admit(self, values: Values, series: int) -> Values:
        if series < MAX_SERIES or not values:
            return values
        self.folded += 1
        return (OTHER,) * len(values)


class Counter(Family):
    """Something that happened, and how often; its name ends in _total."""

    kind = "counter"

    def add(self, amount: float = 1, /, **labels: str) -> None:
        """Count; amount is not negative."""
        values = self._key(labels)
        with self._lock:
            self._find(values).value += amount


class Gauge(Family):
    """Something that goes up and down."""

    kind = "gauge"

    def set(self, value: float, /, **labels: str) -> None:
        """Put the value in the place of the last."""
        values = self._key(labels)
        with self._lock:
            self._find(values).value = value

    def add(self, amount: float, /, **labels: str) -> None:
        """Move by the amount, which may be negative."""
        values = self._key(labels)
        with self._lock:
            self._find(values).value += amount

    def replace(self, series: Mapping[Values, float]) -> None:
        """Put these series, values of the labels in their order, in the place of all."""
        now = time.time()
        with self._lock:
            self._points = {}
            for values, value in series.items():
                self._points[self._admit(values, len(self._points))] = Point(value, now)


class Histogram(Family):
    """How observations are spread; bounds: the buckets' upper ends, inclusive, ascending, without +Inf."""

    kind = "histogram"

    def __init__(
        self,
        name: str,
        help_text: str,
        *,
        unit: str = "",
        labels: Sequence[str] = (),
        bounds: Sequence[float] = REQUEST_BUCKETS,
        registry: Registry = REGISTRY,
    ) -> None:
        super().__init__(name, help_text, unit=unit, labels=labels, registry=registry)
        self.bounds = tuple(bounds)
        self._distributions: dict[Values, Distribution] = {}

    def declare(self, **labels: str) -> None:
        """As for the others."""
        with self._lock:
            self._find_distribution(self._key(labels))

    def observe(self, value: float, /, **labels: str) -> None:
        """Count one observation; the current trace, where it is sampled, becomes its bucket's exemplar."""
        values = self._key(labels)
        bucket = bisect_left(self.bounds, value)
        context = CURRENT.get()
        with self._lock:
            distribution = self._distributions.get(values) or self._find_distribution(values)
            distribution.counts[bucket] += 1
            distribution.sum += value
            if context is not None and context.flags & SAMPLED:
                distribution.exemplars[bucket] = Exemplar(context.trace_id, context.span_id, value, time.time())

    def collect_distributions(self) -> list[tuple[Values, Distribution]]:
        """Copies of the series as they are now."""
        with self._lock:
            return [
                (values, Distribution(list(one.counts), list(one.exemplars), one.created_s, one.sum))
                for values, one in self._distributions.items()
            ]

    def _find_distribution(self, values: Values) -> Distribution:
        found = self._distributions.get(values)
        if found is None:
            values = self._admit(values, len(self._distributions))
            size = len(self.bounds) + 1
            found = self._distributions.setdefault(values, Distribution([0] * size, [None] * size, time.time()))
        return found

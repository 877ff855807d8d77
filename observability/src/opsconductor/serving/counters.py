"""A role's own counters, gauges and histograms, printed as text for a scrape.

Spec: Prometheus text exposition format 0.0.4. Names end in their unit; counters end in `_total`.
"""

import math
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from opsconductor.model.labels import quote

LabelValues = tuple[str, ...]
ReadTable = Callable[[], Iterable[tuple[LabelValues, float]]]

DURATION_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Counter:
    """A sum per label set that only grows. Safe to add to from several threads."""

    kind = "counter"

    def __init__(self, name: str, help_text: str, labels: Sequence[str] = ()) -> None:
        self.name, self.help_text, self.labels = name, help_text, tuple(labels)
        self._values: dict[LabelValues, float] = {} if labels else {(): 0.0}
        self._lock = threading.Lock()

    def add(self, amount: float = 1, *values: str) -> None:
        """Add to the sum of these label values."""
        with self._lock:
            self._values[values] = self._values.get(values, 0.0) + amount

    def read(self, *values: str) -> float:
        """The sum of these label values; 0 where nothing was added."""
        return self._values.get(values, 0.0)

    def render(self) -> list[str]:
        """One line a label set."""
        with self._lock:
            items = sorted(self._values.items())
        return [f"{self.name}{_braces(self.labels, values)} {_number(value)}" for values, value in items]


class Gauge:
    """A value read when it is asked for."""

    kind = "gauge"

    def __init__(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        self.name, self.help_text, self.read = name, help_text, read

    def render(self) -> list[str]:
        """The one line."""
        return [f"{self.name} {_number(self.read())}"]


class GaugeTable:
    """Values by label set, read when they are asked for."""

    kind = "gauge"

    def __init__(self, name: str, help_text: str, labels: Sequence[str], read: ReadTable) -> None:
        self.name, self.help_text, self.labels, self.read = name, help_text, tuple(labels), read

    def render(self) -> list[str]:
        """One line a label set; of several values under one set the last."""
        items = sorted(dict(self.read()).items())
        return [f"{self.name}{_braces(self.labels, values)} {_number(value)}" for values, value in items]


class Histogram:
    """Counts of observations per upper bound, per label set."""

    kind = "histogram"

    def __init__(
        self, name: str, help_text: str, labels: Sequence[str] = (), bounds: Sequence[float] = DURATION_BUCKETS_S
    ) -> None:
        self.name, self.help_text, self.labels = name, help_text, tuple(labels)
        self._bounds = tuple(bounds)
        self._values: dict[LabelValues, list[float]] = {}
        self._lock = threading.Lock()

    def observe(self, value: float, *values: str) -> None:
        """Count one observation."""
        with self._lock:
            row = self._values.setdefault(values, [0.0] * (len(self._bounds) + 2))
            row[bisect_left(self._bounds, value)] += 1
            row[-1] += value

    def render(self) -> list[str]:
        """Cumulative buckets, sum and count of every label set."""
        with self._lock:
            items = sorted((values, list(row)) for values, row in self._values.items())
        lines = []
        for values, row in items:
            total = 0.0
            for bound, count in zip((*map(_number, self._bounds), "+Inf"), row[:-1], strict=True):
                total += count
                lines.append(f"{self.name}_bucket{_braces((*self.labels, 'le'), (*values, bound))} {_number(total)}")
            lines.append(f"{self.name}_sum{_braces(self.labels, values)} {_number(row[-1])}")
            lines.append(f"{self.name}_count{_braces(self.labels, values)} {_number(total)}")
        return lines


class Registry:
    """The figures of one role, in the order in which they were made."""

    def __init__(self) -> None:
        self._families: list[Counter | Gauge | GaugeTable | Histogram] = []

    def counter(self, name: str, help_text: str, labels: Sequence[str] = ()) -> Counter:
        """A new counter."""
        family = Counter(name, help_text, labels)
        self._families.append(family)
        return family

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> Gauge:
        """A new gauge, read by the callable."""
        family = Gauge(name, help_text, read)
        self._families.append(family)
        return family

    def gauges(self, name: str, help_text: str, labels: Sequence[str], read: ReadTable) -> GaugeTable:
        """New gauges, one a label set that the callable gives."""
        family = GaugeTable(name, help_text, labels, read)
        self._families.append(family)
        return family

    def histogram(
        self, name: str, help_text: str, labels: Sequence[str] = (), bounds: Sequence[float] = DURATION_BUCKETS_S
    ) -> Histogram:
        """A new histogram; the bounds are upper bounds, inclusive."""
        family = Histogram(name, help_text, labels, bounds)
        self._families.append(family)
        return family

    def render(self) -> str:
        """The text that a scrape reads."""
        lines = []
        for family in self._families:
            lines.append(f"# HELP {family.name} {family.help_text}")
            lines.append(f"# TYPE {family.name} {family.kind}")
            lines.extend(family.render())
        return "\n".join(lines) + "\n" if lines else ""


def _braces(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    return "{" + ",".join(f"{name}={quote(value)}" for name, value in zip(names, values, strict=True)) + "}"


def _number(value: float) -> str:
    if math.isfinite(value):
        return str(int(value)) if value == int(value) else repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"

"""Metric families as an exporter collects them, and their text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from opsconductor.model.labels import quote


@dataclass
class Family:
    """One metric: its type, its help and its samples. Spec: Prometheus text format 0.0.4."""

    name: str
    kind: str
    help: str
    samples: list[tuple[Mapping[str, str], float, str]] = field(default_factory=list)

    def add(self, value: float, suffix: str = "", **labels: str) -> "Family":
        """Add one sample; suffix is _bucket, _sum or _count of a histogram."""
        self.samples.append((labels, value, suffix))
        return self


def gauge(name: str, help_text: str, value: float | None = None, **labels: str) -> Family:
    """A gauge, with its one sample where a value is given."""
    family = Family(name, "gauge", help_text)
    return family if value is None else family.add(value, **labels)


def counter(name: str, help_text: str, value: float | None = None, **labels: str) -> Family:
    """A counter, with its one sample where a value is given."""
    family = Family(name, "counter", help_text)
    return family if value is None else family.add(value, **labels)


def render(families: Iterable[Family]) -> str:
    """The text that a scrape reads."""
    lines = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for labels, value, suffix in family.samples:
            braces = ",".join(f"{name}={quote(text)}" for name, text in labels.items())
            number = str(int(value)) if value == int(value) else repr(value)
            lines.append(
                f"{family.name}{suffix}{{{braces}}} {number}" if braces else f"{family.name}{suffix} {number}"
            )
    return "\n".join(lines) + "\n"

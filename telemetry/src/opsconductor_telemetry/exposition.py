"""The registry as text for a scraper.

Specs: OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/) and the Prometheus text format 0.0.4.
Exemplars and creation times are in OpenMetrics only: the older format has no place for them.
"""

import math
from collections.abc import Iterator

from opsconductor_telemetry.metrics import Distribution, Exemplar, Family, Histogram, Registry, Values

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


def choose_openmetrics(accept: str) -> bool:
    """Whether a scraper that sends this Accept header would rather have OpenMetrics than the older text."""
    weights = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for choice in accept.split(","):
        kind, *parameters = (part.strip() for part in choice.split(";"))
        given = dict(parameter.partition("=")[::2] for parameter in parameters)
        if kind.lower() in weights and given.get("version", "1.0.0") in {"1.0.0", "0.0.1", "0.0.4"}:
            weights[kind.lower()] = max(weights[kind.lower()], _read_weight(given.get("q", "1")))
    wanted = weights["application/openmetrics-text"]
    return wanted > 0 and wanted >= weights["text/plain"]


def write_exposition(registry: Registry, *, openmetrics: bool) -> bytes:
    """Every family that has series, UTF-8."""
    lines: list[str] = []
    for family in registry.families.values():
        samples = list(_write_samples(family, openmetrics=openmetrics))
        if samples:
            lines += _describe(family, openmetrics=openmetrics)
            lines += samples
    if openmetrics:
        lines.append("# EOF")
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _read_weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _describe(family: Family, *, openmetrics: bool) -> Iterator[str]:
    name = family.name.removesuffix("_total") if openmetrics and family.kind == "counter" else family.name
    yield f"# HELP {name} {_escape(family.help, quotes=openmetrics)}"
    yield f"# TYPE {name} {family.kind}"
    if openmetrics and family.unit:
        yield f"# UNIT {name} {family.unit}"


def _write_samples(family: Family, *, openmetrics: bool) -> Iterator[str]:
    if isinstance(family, Histogram):
        for values, distribution in family.collect_distributions():
            yield from _write_histogram(family, values, distribution, openmetrics=openmetrics)
        return
    for values, point in family.collect():
        labels = _write_labels(family, values)
        yield f"{family.name}{labels} {_write_number(point.value)}"
        if openmetrics and family.kind == "counter" and point.created_s:
            yield f"{family.name.removesuffix('_total')}_created{labels} {point.created_s:.3f}"


def _write_histogram(
    family: Histogram, values: Values, distribution: Distribution, *, openmetrics: bool
) -> Iterator[str]:
    total = 0
    bounds = (*family.bounds, math.inf)
    for bound, count, exemplar in zip(bounds, distribution.counts, distribution.exemplars, strict=True):
        total += count
        line = f"{family.name}_bucket{_write_labels(family, values, _write_number(float(bound)))} {total}"
        yield line + (_write_exemplar(exemplar) if openmetrics and exemplar else "")
    labels = _write_labels(family, values)
    yield f"{family.name}_sum{labels} {_write_number(distribution.sum)}"
    yield f"{family.name}_count{labels} {total}"
    if openmetrics:
        yield f"{family.name}_created{labels} {distribution.created_s:.3f}"


def _write_exemplar(exemplar: Exemplar) -> str:
    labels = f'{{trace_id="{exemplar.trace_id}",span_id="{exemplar.span_id}"}}'
    return f" # {labels} {_write_number(exemplar.value)} {exemplar.time_s:.3f}"


def _write_labels(family: Family, values: Values, bound: str = "") -> str:
    """An empty value is no label, as both formats have it."""
    pairs = [
        f'{name}="{_escape(value, quotes=True)}"' for name, value in zip(family.labels, values, strict=True) if value
    ]
    if bound:
        pairs.append(f'le="{bound}"')
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escape(text: str, *, quotes: bool) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _write_number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)

"""The text that a target exposes, read into samples. Spec: Prometheus text format 0.0.4, OpenMetrics 1.0."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from opsconductor.model.errors import InputError
from opsconductor.model.labels import Labels, sort_labels
from opsconductor.vectors.grouping import METRIC_NAME

_LINE = re.compile(
    r"""(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    (?P<labels>\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?
    [ \t]+(?P<value>\S+)
    (?:[ \t]+(?P<time>[-+]?[0-9.eE+-]+))?
    (?:[ \t]+\#[ \t](?P<exemplar>.*))?[ \t]*""",
    re.VERBOSE,
)
_PAIR = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?')
_EXEMPLAR = re.compile(r'(\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})[ \t]+(\S+)(?:[ \t]+(\S+))?')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
_ESCAPE = re.compile(r'\\\\|\\"|\\n')


@dataclass(frozen=True)
class Exemplar:
    """A trace's (or any) labels for one observation; time_ms is None where the target gave none."""

    labels: Labels
    value: float
    time_ms: int | None


@dataclass(frozen=True)
class Sample:
    """One line; labels include the metric name; time_ms is None where the target gave none."""

    labels: Labels
    value: float
    time_ms: int | None
    exemplar: Exemplar | None = None


@dataclass(frozen=True)
class Metadata:
    """What a metric family says of itself."""

    name: str
    kind: str
    help: str
    unit: str = ""


def parse_exposition(text: str, *, openmetrics: bool) -> tuple[list[Sample], list[Metadata]]:
    """All samples and metadata. Raises InputError with the line; a scrape is taken whole or not at all.

    OpenMetrics times are seconds, those of the text format milliseconds.
    """
    metadata: dict[str, dict[str, str]] = {}
    samples = list(_read_lines(text, metadata, openmetrics=openmetrics))
    families = [
        Metadata(name, parts.get("TYPE", "unknown"), parts.get("HELP", ""), parts.get("UNIT", ""))
        for name, parts in metadata.items()
    ]
    return samples, families


def _read_lines(text: str, metadata: dict[str, dict[str, str]], *, openmetrics: bool) -> Iterator[Sample]:
    labels_of: dict[tuple[str, str], Labels] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.isspace():
            continue
        if line[0] == "#":
            words = line.split(" ", 3)
            if len(words) == 4 and words[1] in ("HELP", "TYPE", "UNIT"):
                metadata.setdefault(words[2], {})[words[1]] = _unescape(words[3])
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(f"cannot read metrics: line {number} is no sample: {line[:200]!r}")
        name, braces = match["name"], match["labels"] or ""
        labels = labels_of.get((name, braces))
        if labels is None:
            labels = labels_of[name, braces] = _read_labels(name, braces, number)
        scale = 1000 if openmetrics else 1
        time_ms = None if match["time"] is None else int(_read_number(match["time"], number) * scale)
        exemplar = _read_exemplar(match["exemplar"], number) if match["exemplar"] else None
        yield Sample(labels, _read_number(match["value"], number), time_ms, exemplar)


def _read_labels(name: str, braces: str, line: int) -> Labels:
    pairs, at, end = {METRIC_NAME: name} if name else {}, 1, len(braces) - 1
    while at < end and braces[at:end].strip():
        match = _PAIR.match(braces, at, end)
        if match is None:
            raise InputError(f"cannot read metrics: line {line} has wrong labels {braces[:200]}")
        if match[1] in pairs:
            raise InputError(f"cannot read metrics: line {line} names label {match[1]} twice")
        pairs[match[1]] = _unescape(match[2])
        at = match.end()
    return sort_labels(pairs)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES[match.group()], text) if "\\" in text else text


def _read_number(text: str, line: int) -> float:
    try:
        return float(text.replace("Inf", "inf"))
    except ValueError as error:
        raise InputError(f"cannot read metrics: line {line} has value {text!r}, which is no number") from error


def _read_exemplar(text: str, line: int) -> Exemplar | None:
    match = _EXEMPLAR.fullmatch(text.strip())
    if match is None:
        raise InputError(f"cannot read metrics: line {line} has a wrong exemplar {text[:200]!r}")
    time_s = _read_number(match[3], line) if match[3] else math.nan
    return Exemplar(
        _read_labels("", match[1], line),
        _read_number(match[2], line),
        None if math.isnan(time_s) else int(time_s * 1000),
    )

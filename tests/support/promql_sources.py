"""A source of samples from text: `name{a="b"} 1 2 _ 4` at a fixed interval from time 0."""

from collections.abc import Sequence

import numpy as np
import re2

from opsconductor.model.labels import Labels, parse_labels, sort_labels
from opsconductor.promql.samples import STALE_BITS, Samples
from opsconductor.promql.syntax import Matcher, MatchOperator

STALE = np.array([STALE_BITS], dtype=np.uint64).view(np.float64)[0]


def matches(matcher: Matcher, labels: dict[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    match matcher.operator:
        case MatchOperator.EQUAL:
            return value == matcher.value
        case MatchOperator.NOT_EQUAL:
            return value != matcher.value
        case MatchOperator.MATCH:
            return re2.fullmatch(matcher.value, value) is not None
        case MatchOperator.NOT_MATCH:
            return re2.fullmatch(matcher.value, value) is None


class ListSource:
    """Series as lists of (time_ms, value): the slow and obvious store."""

    def __init__(self) -> None:
        self.series: dict[Labels, list[tuple[int, float]]] = {}

    def load(self, text: str, interval_ms: int) -> None:
        name, brace, rest = text.partition("{")
        body, _, values = rest.rpartition("}") if brace else ("", "", text.partition(" ")[2])
        name = name if brace else text.partition(" ")[0]
        labels = dict(parse_labels("{" + body + "}")) | {"__name__": name.strip()}
        points = self.series.setdefault(sort_labels(labels), [])
        for number, token in enumerate(values.split()):
            if token != "_":
                points.append((number * interval_ms, float(STALE) if token == "stale" else float(token)))

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
        chosen = [
            (labels, [(t, v) for t, v in points if start_ms < t <= end_ms])
            for labels, points in self.series.items()
            if all(matches(matcher, dict(labels)) for matcher in matchers)
        ]
        flat = [point for _, points in chosen for point in points]
        return Samples(
            tuple(labels for labels, _ in chosen),
            np.cumsum([0, *(len(points) for _, points in chosen)], dtype=np.int64),
            np.array([t for t, _ in flat], dtype=np.int64),
            np.array([v for _, v in flat], dtype=np.float64),
        )

"""Which series a selector means. Matchers are evaluated on the series table: labels are read once a series."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

import pyarrow as pa

from opsconductor.logql.regex import whole_match
from opsconductor.logql.syntax import Matcher, MatchOp
from opsconductor.model.labels import parse_labels

Test = Callable[[str], bool]


@lru_cache(maxsize=65_536)
def read_labels(text: str) -> Mapping[str, str]:
    """The labels of a canonical text {a="b"}, read once and kept."""
    return MappingProxyType(dict(parse_labels(text)))


@lru_cache(maxsize=256)
def compile_test(op: MatchOp, value: str) -> Test:
    """The test that a matcher makes of a label's value ("" when the label is absent).

    Regexes are anchored, and "." matches newlines. Spec: Prometheus label matchers.
    """
    if op is MatchOp.EQUAL:
        return lambda text: text == value
    if op is MatchOp.NOT_EQUAL:
        return lambda text: text != value
    matches = whole_match(value)
    return matches if op is MatchOp.REGEX else lambda text: not matches(text)


def matches_labels(labels: Mapping[str, str], matchers: Iterable[Matcher]) -> bool:
    """Whether every matcher holds for the labels."""
    return all(compile_test(m.op, m.value)(labels.get(m.name, "")) for m in matchers)


def match_series(series: pa.Table, matchers: Iterable[Matcher]) -> pa.Table:
    """The rows of a series table (columns series, labels, …) whose labels every matcher matches."""
    tests = [(m.name, compile_test(m.op, m.value)) for m in matchers]
    if not tests:
        return series
    keep = []
    for text in series.column("labels").to_pylist():
        labels = read_labels(text)
        keep.append(all(test(labels.get(name, "")) for name, test in tests))
    return series.filter(pa.array(keep, pa.bool_()))

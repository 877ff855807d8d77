"""The typed tree of a PromQL expression. Every node knows where it stands in the text: start and end, characters."""

from dataclasses import dataclass, field
from enum import Enum

from opsconductor.vectors.matching import ONE_TO_ONE, Matching


@dataclass(frozen=True)
class Span:
    """Characters [start, end) of the query text."""

    start: int = 0
    end: int = 0


class Kind(Enum):
    """What an expression yields."""

    SCALAR = "scalar"
    STRING = "string"
    INSTANT = "instant vector"
    RANGE = "range vector"


class MatchOperator(Enum):
    """Operators of a label matcher."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCH = "=~"
    NOT_MATCH = "!~"


@dataclass(frozen=True)
class Matcher:
    """name op "value"; regular expressions are RE2 and anchored at both ends."""

    name: str
    operator: MatchOperator
    value: str


@dataclass(frozen=True)
class Number:
    """A literal number; durations written as numbers are seconds."""

    value: float
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True)
class String:
    """A literal string."""

    value: str
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True)
class Selector:
    """Series by matchers; range_ms 0 means an instant vector; offset_ms shifts back in time; at_ms fixes it.

    at_edge is "start" or "end" for `@ start()` and `@ end()`.
    """

    matchers: tuple[Matcher, ...]
    range_ms: int = 0
    offset_ms: int = 0
    at_ms: int | None = None
    at_edge: str = ""
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True)
class Call:
    """A function call."""

    name: str
    arguments: tuple["Expression", ...]
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True)
class Aggregation:
    """op by|without (names) (parameter, expression)."""

    operator: str
    expression: "Expression"
    parameter: "Expression | None" = None
    names: tuple[str, ...] = ()
    without: bool = False
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True)
class Binary:
    """left op right; as_bool: a comparison yields 0 or 1 instead of filtering."""

    operator: str
    left: "Expression"
    right: "Expression"
    matching: Matching = ONE_TO_ONE
    as_bool: bool = False
    span: Span = field(default=Span(), compare=False)


@dataclass(frozen=True)
class Negation:
    """-expression."""

    expression: "Expression"
    span: Span = field(default=Span(), compare=False)


Expression = Number | String | Selector | Call | Aggregation | Binary | Negation

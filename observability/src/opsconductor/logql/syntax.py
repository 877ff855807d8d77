"""The tree of a LogQL query: frozen, typed, comparable. Positions take no part in comparisons.

Spec: Loki's LogQL grammar. The parser alone builds it, so that every tree here is a valid query.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


@dataclass(frozen=True, slots=True)
class Position:
    """Where a construct starts in the query: line and column, both from 1."""

    line: int
    column: int


NOWHERE = Position(0, 0)


class MatchOp(StrEnum):
    """How a label's value is compared with text; an absent label has the value ""."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One comparison of a label with text. Regexes are RE2, anchored at both ends, and "." matches newlines."""

    name: str
    op: MatchOp
    value: str
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Keeps lines that hold any of the needles (|= text, |~ regex) or none of them (!= text, !~ regex)."""

    op: Literal["|=", "!=", "|~", "!~"]
    needles: tuple[str, ...]
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Extraction:
    """label="source" of a parser stage: `path` is where the value lies (keys, and indexes of JSON arrays)."""

    label: str
    source: str
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class JsonStage:
    """| json: without fields, every value of the line becomes a label."""

    fields: tuple[Extraction, ...] = ()
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LogfmtStage:
    """| logfmt: without fields, every pair of the line becomes a label."""

    strict: bool = False
    keep_empty: bool = False
    fields: tuple[Extraction, ...] = ()
    at: Position = field(default=NOWHERE, compare=False, repr=False)


CompareOp = Literal["==", "!=", ">", ">=", "<", "<="]
Unit = Literal["number", "duration", "bytes"]


@dataclass(frozen=True, slots=True)
class StringFilter:
    """| label="text" and the other three matchers."""

    matcher: Matcher


@dataclass(frozen=True, slots=True)
class AmountFilter:
    """| label > 10, | latency >= 250ms, | size < 20MB. `value` is a number, ns or bytes; `text` as written."""

    name: str
    op: CompareOp
    unit: Unit
    value: float
    text: str
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FilterPair:
    """Two label filters, both (and) or either (or)."""

    both: bool
    left: "LabelFilter"
    right: "LabelFilter"


LabelFilter = StringFilter | AmountFilter | FilterPair


@dataclass(frozen=True, slots=True)
class Target:
    """A label that | drop or | keep names, either always or only while the matcher holds."""

    name: str
    matcher: Matcher | None = None


@dataclass(frozen=True, slots=True)
class DropStage:
    """| drop a, b="v"."""

    targets: tuple[Target, ...]
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class KeepStage:
    """| keep a, b="v"."""

    targets: tuple[Target, ...]
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LabelFilterStage:
    """| condition."""

    condition: LabelFilter


Stage = LineFilter | JsonStage | LogfmtStage | LabelFilterStage | DropStage | KeepStage


@dataclass(frozen=True, slots=True)
class LogQuery:
    """{selector} | stages: which entries, and what is done to each."""

    matchers: tuple[Matcher, ...]
    stages: tuple[Stage, ...] = ()
    at: Position = field(default=NOWHERE, compare=False, repr=False)


RangeOp = Literal["count_over_time", "rate", "bytes_over_time", "bytes_rate"]


@dataclass(frozen=True, slots=True)
class RangeAggregation:
    """op(query[range] offset …): one value a series from the entries of the window (T − range, T] at T − offset."""

    op: RangeOp
    query: LogQuery
    range_ns: int
    offset_ns: int = 0
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Grouping:
    """by (labels), or without (labels)."""

    without: bool
    labels: tuple[str, ...]


VectorOp = Literal["sum", "avg", "min", "max", "count", "stddev", "stdvar", "topk", "bottomk", "sort", "sort_desc"]


@dataclass(frozen=True, slots=True)
class VectorAggregation:
    """op by (labels) (operand); `parameter` is the k of topk and bottomk."""

    op: VectorOp
    operand: "MetricExpression"
    grouping: Grouping | None = None
    parameter: int | None = None
    at: Position = field(default=NOWHERE, compare=False, repr=False)


BinaryOp = Literal["+", "-", "*", "/", "%", "^", "==", "!=", ">", ">=", "<", "<=", "and", "or", "unless"]


@dataclass(frozen=True, slots=True)
class Matching:
    """on (labels), or ignoring (labels)."""

    on: bool
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BinaryOperation:
    """left op right; `keep_bool` is the word bool, which turns a comparison from a filter into 0 or 1."""

    op: BinaryOp
    left: "MetricExpression"
    right: "MetricExpression"
    keep_bool: bool = False
    matching: Matching | None = None
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number: a scalar."""

    value: float
    at: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class VectorLiteral:
    """vector(number): one sample without labels at every step."""

    value: float
    at: Position = field(default=NOWHERE, compare=False, repr=False)


MetricExpression = RangeAggregation | VectorAggregation | BinaryOperation | NumberLiteral | VectorLiteral
Expression = LogQuery | MetricExpression

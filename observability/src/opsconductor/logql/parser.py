"""The text of a query → its tree.

Hand-written: recursive descent, binary operators by binding power. Spec: Loki's LogQL grammar; error texts are Loki's
where clients show them.
"""

from typing import cast

from opsconductor.logql.cursor import Cursor
from opsconductor.logql.errors import ParseError
from opsconductor.logql.fold import fold_operation
from opsconductor.logql.select import compile_test
from opsconductor.logql.stages import parse_matcher, parse_stages, read_float
from opsconductor.logql.syntax import (
    BinaryOp,
    BinaryOperation,
    Expression,
    Grouping,
    LogQuery,
    Matcher,
    Matching,
    MetricExpression,
    NumberLiteral,
    Position,
    RangeAggregation,
    RangeOp,
    Stage,
    VectorAggregation,
    VectorLiteral,
    VectorOp,
)

MAX_QUERY_BYTES = 131_072
"""Spec: Loki's limit on the length of a query."""

_RANGE_OPS = ("COUNT_OVER_TIME", "RATE", "BYTES_OVER_TIME", "BYTES_RATE")
_VECTOR_OPS = ("SUM", "AVG", "MIN", "MAX", "COUNT", "STDDEV", "STDVAR", "TOPK", "BOTTOMK", "SORT", "SORT_DESC")
_LATER = (
    "SUM_OVER_TIME", "AVG_OVER_TIME", "MIN_OVER_TIME", "MAX_OVER_TIME", "STDVAR_OVER_TIME",
    "STDDEV_OVER_TIME", "QUANTILE_OVER_TIME", "FIRST_OVER_TIME", "LAST_OVER_TIME", "ABSENT_OVER_TIME",
    "RATE_COUNTER", "APPROX_TOPK", "LABEL_REPLACE",
)  # fmt: skip
_POWERS = {"or": 1, "and": 2, "unless": 2, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "^": 6}
_COMPARISONS = ("==", "!=", ">", ">=", "<", "<=")
_POWERS.update(dict.fromkeys(_COMPARISONS, 3))
_EMPTY = (
    "queries require at least one regexp or equality matcher that does not have an empty-compatible value. "
    'For instance, app=~".*" does not meet this requirement, but app=~".+" will'
)


def parse(text: str) -> Expression:
    """The tree of a query. Raises ParseError or UnsupportedError, both InputErrors with line and column."""
    if len(text.encode(errors="replace")) > MAX_QUERY_BYTES:
        raise ParseError(f"input size too long: the limit is {MAX_QUERY_BYTES} bytes; shorten the query")
    cursor = Cursor(text)
    expression = _parse_expression(cursor, 0)
    if cursor.kind != "$end":
        raise cursor.unexpected()
    return expression


def _parse_expression(cursor: Cursor, power: int) -> Expression:
    """An operand and every operator after it that binds at least as strongly as `power`."""
    cursor.descend()
    left = _parse_operand(cursor)
    while _POWERS.get(cursor.kind, -1) >= power:
        at, op = cursor.place, cast("BinaryOp", cursor.kind)
        own = _POWERS[cursor.take().kind]
        keep_bool, matching = _parse_modifiers(cursor, op)
        right = _parse_expression(cursor, own if op == "^" else own + 1)
        left = _combine(op, left, right, keep_bool, matching, at)
    cursor.ascend()
    return left


def _parse_modifiers(cursor: Cursor, op: str) -> tuple[bool, Matching | None]:
    keep_bool = False
    if cursor.kind == "bool":
        cursor.take()
        keep_bool = True
    word = cursor.accept("on", "ignoring")
    if word is None:
        return keep_bool, None
    labels = _parse_names(cursor)
    if cursor.kind in ("group_left", "group_right"):
        raise cursor.refuse(f"{op} {cursor.kind}")
    return keep_bool, Matching(word.kind == "on", labels)


def _combine(
    op: BinaryOp, left: Expression, right: Expression, keep_bool: bool, matching: Matching | None, at: Position
) -> MetricExpression:
    for side, leg in (("left", left), ("right", right)):
        if isinstance(leg, LogQuery):
            raise ParseError(f"unexpected type for {side} leg of binary operation ({op}): a log query")
        if op in ("and", "or", "unless") and isinstance(leg, NumberLiteral):
            legend = f"unexpected literal for {side} leg of logical/set binary operation ({op}): {leg.value:f}"
            raise ParseError(legend)
    metric = BinaryOperation(
        op, cast("MetricExpression", left), cast("MetricExpression", right), keep_bool, matching, at
    )
    return fold_operation(metric)


def _parse_operand(cursor: Cursor) -> Expression:
    kind, at = cursor.kind, cursor.place
    if kind == "{":
        return _parse_log_query(cursor)
    if kind == "(":
        return _parse_parenthesis(cursor)
    if kind in _RANGE_OPS:
        return _parse_range_aggregation(cursor)
    if kind in _VECTOR_OPS:
        return _parse_vector_aggregation(cursor)
    if kind == "VECTOR":
        cursor.take()
        cursor.expect("(")
        value = read_float(str(cursor.expect("NUMBER").value))
        cursor.expect(")")
        return VectorLiteral(value, at)
    if kind in ("NUMBER", "+", "-"):
        sign = -1.0 if cursor.accept("+", "-") and kind == "-" else 1.0
        return NumberLiteral(sign * read_float(str(cursor.expect("NUMBER").value)), at)
    if kind in _LATER:
        raise cursor.refuse(f"{cursor.token.value}()")
    raise cursor.unexpected()


def _parse_parenthesis(cursor: Cursor) -> Expression:
    cursor.take()
    inner = _parse_expression(cursor, 0)
    cursor.expect(")")
    return inner


def _parse_selector(cursor: Cursor) -> tuple[Matcher, ...]:
    cursor.expect("{")
    matchers: list[Matcher] = []
    if cursor.kind not in ("}", "IDENTIFIER"):
        raise cursor.unexpected("IDENTIFIER", "}")
    while cursor.kind != "}":
        matchers.append(parse_matcher(cursor))
        if cursor.kind == "}":
            break
        if not cursor.accept(","):
            raise cursor.unexpected("}", ",")
        if cursor.kind != "IDENTIFIER":
            raise cursor.unexpected("IDENTIFIER")
    cursor.take()
    return tuple(matchers)


def _parse_log_query(cursor: Cursor) -> LogQuery:
    at = cursor.place
    matchers = _check_matchers(_parse_selector(cursor))
    return LogQuery(matchers, parse_stages(cursor), at)


def _check_matchers(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    if all(compile_test(m.op, m.value)("") for m in matchers):
        raise ParseError(_EMPTY)
    return matchers


def _parse_range_aggregation(cursor: Cursor) -> RangeAggregation:
    at, token = cursor.place, cursor.take()
    cursor.expect("(")
    if cursor.kind == "NUMBER":
        raise ParseError(f"parameter {cursor.token.text} not supported for operation {token.value}")
    query, range_ns, offset_ns = _parse_window(cursor)
    cursor.expect(")")
    if cursor.kind in ("by", "without"):
        _parse_grouping(cursor)
        raise ParseError(f"grouping not allowed for {token.value} aggregation")
    return RangeAggregation(cast("RangeOp", token.value), query, range_ns, offset_ns, at)


def _parse_window(cursor: Cursor) -> tuple[LogQuery, int, int]:
    """A window: selector, stages, range, offset, stages; parentheses around all of it or what is before the range."""
    cursor.descend()
    stages: tuple[Stage, ...] = ()
    at = cursor.place
    if cursor.accept("("):
        matchers, stages, window = _parse_inner_window(cursor)
        cursor.expect(")")
        if window is not None:
            cursor.ascend()
            return LogQuery(matchers, stages, at), *window
    else:
        if cursor.kind != "{":
            raise cursor.unexpected("NUMBER", "{", "(")
        matchers = _check_matchers(_parse_selector(cursor))
        stages = parse_stages(cursor)
    range_ns, offset_ns = _parse_range(cursor)
    stages += parse_stages(cursor)
    cursor.ascend()
    return LogQuery(matchers, stages, at), range_ns, offset_ns


def _parse_inner_window(
    cursor: Cursor,
) -> tuple[tuple[Matcher, ...], tuple[Stage, ...], tuple[int, int] | None]:
    """What stands in parentheses: a whole window, or a log query whose [range] follows the parenthesis."""
    if cursor.kind == "(":
        query, range_ns, offset_ns = _parse_window(cursor)
        return query.matchers, query.stages, (range_ns, offset_ns)
    matchers = _check_matchers(_parse_selector(cursor))
    stages = parse_stages(cursor)
    if cursor.kind != "RANGE":
        return matchers, stages, None
    window = _parse_range(cursor)
    return matchers, stages + parse_stages(cursor), window


def _parse_range(cursor: Cursor) -> tuple[int, int]:
    """[range] and offset, in ns."""
    if cursor.kind != "RANGE":
        raise cursor.unexpected()
    if not int(cursor.token.value):
        raise cursor.fail("cannot read range: it must be longer than zero")
    range_ns = int(cursor.take().value)
    if not cursor.accept("offset"):
        return range_ns, 0
    sign = -1 if cursor.accept("-") else 1
    return range_ns, sign * int(cursor.expect("DURATION").value)


def _parse_vector_aggregation(cursor: Cursor) -> VectorAggregation:
    at, token = cursor.place, cursor.take()
    op = cast("VectorOp", token.value)
    grouping = _parse_grouping(cursor) if cursor.kind in ("by", "without") else None
    cursor.expect("(")
    parameter = None
    if cursor.kind == "NUMBER" and cursor.peek(1) == ",":
        parameter = cursor.take().text
        cursor.take()
    operand = _parse_expression(cursor, 0)
    if isinstance(operand, LogQuery):
        raise cursor.unexpected()
    cursor.expect(")")
    if grouping is None and cursor.kind in ("by", "without"):
        grouping = _parse_grouping(cursor)
    if op in ("sort", "sort_desc") and grouping is not None:
        raise ParseError("sort and sort_desc doesn't allow grouping by ")
    return VectorAggregation(op, operand, grouping, _check_parameter(op, parameter), at)


def _check_parameter(op: str, parameter: str | None) -> int | None:
    if op not in ("topk", "bottomk"):
        if parameter is not None:
            raise ParseError(f"unsupported parameter for operation {op}({parameter},")
        return None
    if parameter is None:
        raise ParseError(f"parameter required for operation {op}")
    if not parameter.isdigit():
        raise ParseError(f"invalid parameter {op}({parameter},")
    if int(parameter) < 1:
        raise ParseError(f"invalid parameter (must be greater than 0) {op}({parameter}")
    return int(parameter)


def _parse_grouping(cursor: Cursor) -> Grouping:
    without = cursor.take().kind == "without"
    return Grouping(without, _parse_names(cursor))


def _parse_names(cursor: Cursor) -> tuple[str, ...]:
    """(name, name …), possibly empty."""
    cursor.expect("(")
    names: list[str] = []
    if cursor.kind not in ("IDENTIFIER", ")"):
        raise cursor.unexpected("IDENTIFIER", ")")
    while cursor.kind != ")":
        names.append(cursor.expect("IDENTIFIER").text)
        if not cursor.accept(","):
            break
        if cursor.kind != "IDENTIFIER":
            raise cursor.unexpected("IDENTIFIER")
    cursor.expect(")")
    return tuple(names)

"""The types of a tree, checked after parsing. Spec: Prometheus promql/parser, checkAST."""

from collections.abc import Sequence

import re2

from opsconductor.promql.errors import QueryError
from opsconductor.promql.signatures import FUNCTIONS, WITH_PARAMETER
from opsconductor.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Expression,
    Kind,
    Matcher,
    MatchOperator,
    Negation,
    Number,
    Selector,
    String,
)


def kind_of(expression: Expression) -> Kind:
    """What the expression yields."""
    match expression:
        case Number():
            return Kind.SCALAR
        case String():
            return Kind.STRING
        case Selector():
            return Kind.RANGE if expression.range_ms else Kind.INSTANT
        case Call():
            return FUNCTIONS[expression.name].gives
        case Aggregation():
            return Kind.INSTANT
        case Negation():
            return kind_of(expression.expression)
        case Binary():
            kinds = {kind_of(expression.left), kind_of(expression.right)}
            return Kind.SCALAR if kinds == {Kind.SCALAR} else Kind.INSTANT


def check_types(expression: Expression, text: str) -> None:
    """Raise QueryError at the first node whose operands are of the wrong kind."""
    match expression:
        case Call():
            _check_call(expression, text)
        case Aggregation():
            _expect(expression.expression, Kind.INSTANT, "aggregation expression", text)
            check_types(expression.expression, text)
            if expression.parameter is not None:
                wanted = Kind.SCALAR
                _expect(expression.parameter, wanted, f"aggregation parameter of {expression.operator}", text)
                check_types(expression.parameter, text)
            elif expression.operator in WITH_PARAMETER:
                raise QueryError(f"{expression.operator} needs a parameter", text, expression.span.start)
        case Binary():
            _check_binary(expression, text)
        case Negation():
            if kind_of(expression.expression) not in (Kind.SCALAR, Kind.INSTANT):
                message = "unary expression only allowed on expressions of type scalar or instant vector"
                raise QueryError(message, text, expression.span.start)
            check_types(expression.expression, text)
        case _:
            return


def _expect(expression: Expression, kind: Kind, what: str, text: str) -> None:
    got = kind_of(expression)
    if got is not kind:
        raise QueryError(f"expected type {kind.value} in {what}, got {got.value}", text, expression.span.start)


def _check_call(call: Call, text: str) -> None:
    signature = FUNCTIONS[call.name]
    most, least = len(signature.takes), len(signature.takes) - signature.optional
    if not least <= len(call.arguments) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        message = f"expected {wanted} argument(s) in call to {call.name!r}, got {len(call.arguments)}"
        raise QueryError(message, text, call.span.start)
    for argument, kind in zip(call.arguments, signature.takes, strict=False):
        _expect(argument, kind, f"call to function {call.name!r}", text)
        check_types(argument, text)


def _check_binary(binary: Binary, text: str) -> None:
    for side in (binary.left, binary.right):
        if kind_of(side) not in (Kind.SCALAR, Kind.INSTANT):
            message = "binary expression must contain only scalar and instant vector types"
            raise QueryError(message, text, side.span.start)
        check_types(side, text)
    both_scalar = kind_of(binary) is Kind.SCALAR
    if both_scalar and binary.operator in ("==", "!=", "<", "<=", ">", ">=") and not binary.as_bool:
        raise QueryError("comparisons between scalars must use BOOL modifier", text, binary.span.start)
    one_scalar = Kind.SCALAR in (kind_of(binary.left), kind_of(binary.right))
    if binary.operator in ("and", "or", "unless") and one_scalar:
        message = f"set operator {binary.operator!r} not allowed in binary scalar expression"
        raise QueryError(message, text, binary.span.start)
    if one_scalar and (binary.matching.on or binary.matching.names):
        raise QueryError("vector matching only allowed between instant vectors", text, binary.span.start)


def check_matchers(matchers: Sequence[Matcher], text: str, position: int) -> None:
    """Raise QueryError where no matcher excludes the empty value, or a regular expression is wrong."""
    empty = [_matches_empty(matcher, text, position) for matcher in matchers]  # every regex is read
    if all(empty):
        raise QueryError("vector selector must contain at least one non-empty matcher", text, position)


def _matches_empty(matcher: Matcher, text: str, position: int) -> bool:
    match matcher.operator:
        case MatchOperator.EQUAL:
            return matcher.value == ""
        case MatchOperator.NOT_EQUAL:
            return matcher.value != ""
        case _:
            try:
                pattern = re2.compile(matcher.value)
            except re2.error as error:
                raise QueryError(f"error parsing regexp {matcher.value!r}: {error}", text, position) from error
            matched = pattern.fullmatch("") is not None
            return matched if matcher.operator is MatchOperator.MATCH else not matched

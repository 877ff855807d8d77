"""PromQL text to tree: a Pratt parser. Spec: Prometheus 3 querying/basics, operators."""

import math
from dataclasses import replace

from opsconductor.model.duration import parse_duration
from opsconductor.model.labels import unquote
from opsconductor.promql import check
from opsconductor.promql.errors import QueryError
from opsconductor.promql.lexer import Token, read_tokens
from opsconductor.promql.signatures import AGGREGATORS, FUNCTIONS, WITH_PARAMETER
from opsconductor.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Expression,
    Matcher,
    MatchOperator,
    Negation,
    Number,
    Selector,
    Span,
    String,
)
from opsconductor.vectors.grouping import METRIC_NAME
from opsconductor.vectors.matching import Matching

BINDING = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 7,
}
"""How tightly an operator binds; unary minus is 6, and ^ alone goes to the right."""
UNARY_BINDING = 6
COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
SET_OPERATORS = frozenset(("and", "or", "unless"))
MAX_DEPTH = 200


def parse(text: str) -> Expression:
    """The tree of a query, its types checked. Raises QueryError with line and column."""
    parser = _Parser(text)
    if parser.peek().kind == "end":
        raise QueryError("no expression found in input", text, 0)
    expression = parser.read_expression(0)
    if parser.peek().kind != "end":
        raise parser.refuse("unexpected " + describe(parser.peek()))
    check.check_types(expression, text)
    return expression


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a bare selector, as match[] takes it."""
    expression = parse(text)
    if not isinstance(expression, Selector) or expression.range_ms or expression.offset_ms:
        raise QueryError("expected a series selector", text, 0)
    return expression.matchers


def describe(token: Token) -> str:
    """How an error names a token."""
    return "end of input" if token.kind == "end" else f"{token.kind} {token.text!r}"


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = read_tokens(text)
        self.at = 0
        self.depth = 0

    def peek(self, ahead: int = 0) -> Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def refuse(self, message: str) -> QueryError:
        return QueryError(message, self.text, self.peek().start)

    def is_next(self, text: str) -> bool:
        token = self.peek()
        return token.kind in ("operator", "name") and token.text.lower() == text

    def accept(self, text: str) -> bool:
        if self.is_next(text):
            self.at += 1
            return True
        return False

    def expect(self, text: str, where: str) -> Token:
        if not self.is_next(text):
            raise self.refuse(f"unexpected {describe(self.peek())} in {where}, expected {text!r}")
        return self.take()

    def end(self) -> int:
        return self.tokens[self.at - 1].end

    def read_expression(self, binding: int) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.refuse(f"the query nests deeper than {MAX_DEPTH} levels")
        left = self.read_unary()
        while (operator := self.peek().text.lower()) in BINDING and self.peek().kind in ("operator", "name"):
            power = BINDING[operator]
            if power < binding or (power == binding and operator != "^"):
                break
            self.take()
            left = self.read_binary(operator, left, power)
        self.depth -= 1
        return left

    def read_binary(self, operator: str, left: Expression, power: int) -> Expression:
        as_bool = self.accept("bool")
        if as_bool and operator not in COMPARISONS:
            raise self.refuse("bool modifier can only be used on comparison operators")
        matching = self.read_matching(operator)
        right = self.read_expression(power if operator == "^" else power + 0)
        return Binary(operator, left, right, matching, as_bool, Span(left.span.start, self.end()))

    def read_matching(self, operator: str) -> Matching:
        matching = Matching()
        if self.is_next("on") or self.is_next("ignoring"):
            on = self.take().text.lower() == "on"
            matching = Matching(on=on, names=self.read_names("grouping"))
            if self.is_next("group_left") or self.is_next("group_right"):
                if operator in SET_OPERATORS:
                    raise self.refuse(f"no grouping allowed for {operator!r} operation")
                many = self.take().text.lower().removeprefix("group_")
                include = self.read_names("grouping") if self.is_next("(") else ()
                matching = replace(matching, many=many, include=include)
        return matching

    def read_unary(self) -> Expression:
        token = self.peek()
        if token.kind == "operator" and token.text in "+-":
            self.take()
            operand = self.read_expression(UNARY_BINDING)
            if token.text == "+":
                return operand
            if isinstance(operand, Number):
                return Number(-operand.value, Span(token.start, self.end()))
            return Negation(operand, Span(token.start, self.end()))
        return self.read_suffixes(self.read_primary())

    def read_primary(self) -> Expression:
        token = self.peek()
        if token.kind == "number":
            self.take()
            return Number(
                float(int(token.text, 16)) if token.text[:2].lower() == "0x" else float(token.text), self.span(token)
            )
        if token.kind == "duration":
            self.take()
            return Number(parse_duration(token.text) / 1e9, self.span(token))
        if token.kind == "string":
            self.take()
            return String(self.read_string(token), self.span(token))
        if token.kind == "operator" and token.text == "(":
            self.take()
            inner = self.read_expression(0)
            self.expect(")", "parentheses")
            return inner
        if token.kind == "operator" and token.text == "{":
            return self.read_selector("")
        if token.kind == "name":
            return self.read_name(token)
        raise self.refuse(f"unexpected {describe(token)}")

    def span(self, token: Token) -> Span:
        return Span(token.start, self.end())

    def read_string(self, token: Token) -> str:
        text = token.text
        if text.startswith("'"):
            text = '"' + text[1:-1].replace('"', '\\"') + '"'
        return unquote(text)

    def read_name(self, token: Token) -> Expression:
        name = token.text.lower()
        if name in ("inf", "nan") and not (self.peek(1).kind == "operator" and self.peek(1).text in "({"):
            self.take()
            return Number(math.inf if name == "inf" else math.nan, self.span(token))
        following = self.peek(1).text.lower()
        if name in AGGREGATORS and following in ("(", "by", "without"):
            return self.read_aggregation()
        if following == "(":
            return self.read_call()
        return self.read_selector(self.take().text)

    def read_call(self) -> Expression:
        token = self.take()
        if token.text not in FUNCTIONS:
            raise QueryError(f"unknown function with name {token.text!r}", self.text, token.start)
        return Call(token.text, self.read_arguments(), Span(token.start, self.end()))

    def read_arguments(self) -> tuple[Expression, ...]:
        self.expect("(", "call")
        arguments = []
        while not self.is_next(")"):
            arguments.append(self.read_expression(0))
            if not self.accept(","):
                break
        self.expect(")", "call")
        return tuple(arguments)

    def read_aggregation(self) -> Expression:
        token = self.take()
        operator = token.text.lower()
        grouping = self.read_grouping()
        arguments = self.read_arguments()
        grouping = grouping or self.read_grouping()
        without, names = grouping or (False, ())
        wanted = 2 if operator in WITH_PARAMETER else 1
        if len(arguments) != wanted:
            message = f"wrong number of arguments for aggregate expression, expected {wanted}, got {len(arguments)}"
            raise QueryError(message, self.text, token.start)
        parameter = arguments[0] if wanted == 2 else None
        return Aggregation(operator, arguments[-1], parameter, names, without, Span(token.start, self.end()))

    def read_grouping(self) -> tuple[bool, tuple[str, ...]] | None:
        if self.is_next("by") or self.is_next("without"):
            without = self.take().text.lower() == "without"
            return without, self.read_names("grouping")
        return None

    def read_names(self, where: str) -> tuple[str, ...]:
        self.expect("(", where)
        names = []
        while not self.is_next(")"):
            if self.peek().kind != "name":
                raise self.refuse(f"unexpected {describe(self.peek())} in {where} opts, expected label")
            names.append(self.take().text)
            if not self.accept(","):
                break
        self.expect(")", where)
        return tuple(names)

    def read_selector(self, name: str) -> Expression:
        start = self.peek().start if not name else self.tokens[self.at - 1].start
        matchers = [Matcher(METRIC_NAME, MatchOperator.EQUAL, name)] if name else []
        if self.accept("{"):
            while not self.is_next("}"):
                matchers.append(self.read_matcher())
                if not self.accept(","):
                    break
            self.expect("}", "label matching")
        if (
            sum(matcher.name == METRIC_NAME and matcher.operator is MatchOperator.EQUAL for matcher in matchers) > 1
            and name
        ):
            raise QueryError(f"metric name must not be set twice: {name!r}", self.text, start)
        check.check_matchers(matchers, self.text, start)
        return Selector(tuple(matchers), span=Span(start, self.end()))

    def read_matcher(self) -> Matcher:
        token = self.take()
        if token.kind == "string" and not (
            self.peek().kind == "operator" and self.peek().text in ("=", "!=", "=~", "!~")
        ):
            return Matcher(METRIC_NAME, MatchOperator.EQUAL, self.read_string(token))
        if token.kind not in ("name", "string"):
            raise QueryError(
                f"unexpected {describe(token)} in label matching, expected identifier", self.text, token.start
            )
        label = self.read_string(token) if token.kind == "string" else token.text
        operator = self.take()
        if operator.text not in ("=", "!=", "=~", "!~"):
            raise QueryError(
                f"unexpected {describe(operator)} in label matching, expected label matching operator",
                self.text,
                operator.start,
            )
        value = self.take()
        if value.kind != "string":
            raise QueryError(
                f"unexpected {describe(value)} in label matching, expected string", self.text, value.start
            )
        return Matcher(label, MatchOperator(operator.text), self.read_string(value))

    def read_suffixes(self, expression: Expression) -> Expression:
        while True:
            token = self.peek()
            if token.text == "[":
                expression = self.read_range(expression)
            elif token.kind == "name" and token.text.lower() == "offset":
                self.take()
                expression = self.require_selector(expression, "offset")
                expression = replace(
                    expression, offset_ms=self.read_duration(), span=Span(expression.span.start, self.end())
                )
            elif token.text == "@":
                self.take()
                expression = self.read_at(self.require_selector(expression, "@"))
            else:
                return expression

    def require_selector(self, expression: Expression, what: str) -> Selector:
        if not isinstance(expression, Selector):
            raise self.refuse(
                f"{what} modifier must be preceded by an instant vector selector or range vector selector"
            )
        return expression

    def read_range(self, expression: Expression) -> Expression:
        opening = self.take()
        selector_range = self.read_duration()
        if self.peek().text.startswith(":"):
            raise QueryError("subqueries are not supported yet", self.text, opening.start)
        self.expect("]", "range")
        if not isinstance(expression, Selector) or expression.range_ms:
            raise QueryError("ranges only allowed for vector selectors", self.text, opening.start)
        if selector_range <= 0:
            raise QueryError("duration must be greater than 0", self.text, opening.start)
        return replace(expression, range_ms=selector_range, span=Span(expression.span.start, self.end()))

    def read_duration(self) -> int:
        sign = -1 if self.accept("-") else 1
        token = self.take()
        if token.kind == "duration":
            return sign * parse_duration(token.text) // 1_000_000
        if token.kind == "number":
            return sign * int(float(token.text) * 1000)
        raise QueryError(f"unexpected {describe(token)}, expected duration", self.text, token.start)

    def read_at(self, selector: Selector) -> Expression:
        if self.is_next("start") or self.is_next("end"):
            edge = self.take().text.lower()
            self.expect("(", "@")
            self.expect(")", "@")
            return replace(selector, at_edge=edge, span=Span(selector.span.start, self.end()))
        sign = -1.0 if self.accept("-") else 1.0
        token = self.take()
        if token.kind != "number":
            raise QueryError(f"unexpected {describe(token)} in @, expected timestamp", self.text, token.start)
        return replace(
            selector, at_ms=int(sign * float(token.text) * 1000), span=Span(selector.span.start, self.end())
        )

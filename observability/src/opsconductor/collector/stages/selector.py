"""The selector of stage match: {label="value", …} and line filters. Spec: LogQL log stream selector, line filter.

The collector shares no code with the query language on purpose: these few signs are all that a pipeline knows of it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from opsconductor.collector.stages.entry import Entry
from opsconductor.collector.stages.regex import compile_expression
from opsconductor.model.document import Value
from opsconductor.model.errors import InputError
from opsconductor.model.labels import unquote

_STRING = r'"(?:[^"\\\n]|\\.)*"|`[^`]*`'
_TOKEN = re.compile(rf"\s*({_STRING}|\|=|\|~|!=|!~|=~|=|\{{|\}}|,|[A-Za-z_][A-Za-z0-9_]*|\S)")
_REMEMBERED = 1024
"""Verdicts on values of one label that are remembered."""

Test = Callable[[str], bool]


@dataclass(frozen=True)
class Matcher:
    """One label's test; an absent label has the value ""."""

    label: str
    test: Test


@dataclass(frozen=True)
class Selector:
    """Whether an entry's labels and line fit."""

    matchers: tuple[Matcher, ...]
    filters: tuple[Test, ...]

    def fits(self, entry: Entry) -> bool:
        """Whether every matcher and every line filter holds."""
        labels, line = entry.labels, entry.line
        for matcher in self.matchers:
            if not matcher.test(labels.get(matcher.label, "")):
                return False
        return all(test(line) for test in self.filters)


def parse_selector(value: Value) -> Selector:
    """The selector in a configuration value. Raises ConfigError at it."""
    return _Parser(value).parse()


class _Parser:
    def __init__(self, value: Value) -> None:
        self._value, self._text = value, value.text()
        self._tokens = [(match[1], match.start(1)) for match in _TOKEN.finditer(self._text)]
        self._at = 0

    def parse(self) -> Selector:
        self._expect("{")
        matchers = [self._matcher()]
        while self._peek() == ",":
            self._at += 1
            matchers.append(self._matcher())
        self._expect("}")
        filters = []
        while self._at < len(self._tokens):
            filters.append(self._filter())
        return Selector(tuple(matchers), tuple(filters))

    def _matcher(self) -> Matcher:
        label = self._take()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", label):
            raise self._fail("a label's name")
        operator = self._take()
        if operator not in ("=", "!=", "=~", "!~"):
            raise self._fail("one of = != =~ !~")
        return Matcher(label, _remember(self._make_test(operator, self._string(), whole=True)))

    def _filter(self) -> Test:
        operator = self._take()
        if operator not in ("|=", "!=", "|~", "!~"):
            raise self._fail("one of |= != |~ !~")
        return self._make_test(operator, self._string(), whole=False)

    def _make_test(self, operator: str, text: str, whole: bool) -> Test:
        wanted = operator[0] != "!"
        if operator.endswith("~"):
            pattern = compile_expression(self._value, f"(?s:{text})" if whole else text)
            search = pattern.fullmatch if whole else pattern.search
            return lambda value: (search(value) is not None) is wanted
        if whole:
            return lambda value: (value == text) is wanted
        return lambda value: (text in value) is wanted

    def _string(self) -> str:
        token = self._take()
        if len(token) < 2 or token[0] not in '"`':
            raise self._fail("a string in quotes")
        try:
            return unquote(token)
        except InputError as error:
            raise self._value.fail(str(error)) from error

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise self._fail(f'"{token}"')

    def _fail(self, wanted: str) -> Exception:
        place = self._tokens[self._at - 1][1] if self._at <= len(self._tokens) else len(self._text)
        return self._value.fail(f"`{self._text}` must have {wanted} at position {place + 1}")


def _remember(test: Test) -> Test:
    known: dict[str, bool] = {}

    def remembered(value: str) -> bool:
        verdict = known.get(value)
        if verdict is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            verdict = known[value] = test(value)
        return verdict

    return remembered

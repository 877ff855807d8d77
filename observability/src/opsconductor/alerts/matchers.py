"""Matchers of routes, silences, inhibitions and filters: name="value", !=, =~, !~."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import re2

from opsconductor.model.errors import InputError
from opsconductor.model.labels import quote, unquote

_MATCHER = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s=!~{},"]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^",{}]*?)\s*')


@dataclass(frozen=True)
class Matcher:
    """One condition on a label; an absent label is the empty value. Regular expressions are RE2, anchored."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True
    pattern: "re2._Regexp[str] | None" = field(default=None, compare=False, repr=False)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the label set meets the condition."""
        value = labels.get(self.name, "")
        hit = self.pattern.fullmatch(value) is not None if self.pattern is not None else value == self.value
        return hit is self.is_equal

    def __str__(self) -> str:
        operator = ("=~" if self.is_equal else "!~") if self.is_regex else ("=" if self.is_equal else "!=")
        return f"{self.name}{operator}{quote(self.value)}"


def make_matcher(name: str, value: str, *, is_regex: bool = False, is_equal: bool = True) -> Matcher:
    """A matcher with its expression compiled. Raises InputError."""
    if not name:
        raise InputError("cannot read matcher: the label name is empty")
    if not is_regex:
        return Matcher(name, value, is_regex, is_equal)
    try:
        return Matcher(name, value, is_regex, is_equal, re2.compile(f"(?s:{value})"))
    except re2.error as error:
        raise InputError(f'cannot read matcher {name}=~"{value}": {error}') from error


def parse_matcher(text: str) -> Matcher:
    """One matcher, quotes optional. Raises InputError. Spec: Alertmanager configuration "Matcher"."""
    match = _MATCHER.fullmatch(text)
    if match is None:
        raise InputError(
            f'cannot read matcher {text!r}: write name="value", name!="value", name=~"regex" or name!~"regex"'
        )
    name, operator, value = match.groups()
    return make_matcher(
        unquote(name) if name.startswith('"') else name,
        unquote(value) if value.startswith('"') else value,
        is_regex="~" in operator,
        is_equal=not operator.startswith("!"),
    )


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """One or several matchers, with or without braces: {a="b", c=~"d"}. Raises InputError."""
    body = text.strip()
    if body.startswith("{") and body.endswith("}"):
        body = body[1:-1]
    parts = re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+', body)
    return tuple(parse_matcher(part) for part in parts if part.strip())


def match_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every condition is met."""
    return all(matcher.matches(labels) for matcher in matchers)

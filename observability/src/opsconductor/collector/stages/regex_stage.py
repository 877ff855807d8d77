"""Stage regex: named groups become extracted values. Spec: Promtail stages/regex."""

from typing import Any

from opsconductor.collector.stages.entry import Entry, format_extracted
from opsconductor.collector.stages.regex import compile_expression
from opsconductor.collector.stages.stage import CountDropped, PlainStage
from opsconductor.model.document import Section

_REMEMBERED = 1024
"""Matches of a source other than the line are remembered: a file name is the same on every line."""


class RegexStage(PlainStage):
    """A group that took no part is an empty value; no match changes nothing."""

    def __init__(self, pattern: Any, source: str) -> None:
        self._search, self._source = pattern.search, source
        self._groups = [(_text(name), number) for name, number in pattern.groupindex.items()]
        self._known: dict[str, dict[str, str]] = {}

    def keep(self, entry: Entry) -> bool:
        """Extract the groups."""
        if not self._source:
            entry.extracted.update(self._extract(entry.line))
            return True
        text = format_extracted(entry.extracted.get(self._source))
        if text is None:
            return True
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[text] = self._extract(text)
        entry.extracted.update(found)
        return True

    def _extract(self, text: str) -> dict[str, str]:
        match = self._search(text)
        return {} if match is None else {name: match.group(number) or "" for name, number in self._groups}


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def read_regex(section: Section, _count: CountDropped) -> RegexStage:
    """The stage of `expression` and `source`. Raises ConfigError."""
    expression, source = section.get("expression"), section.get("source")
    if expression is None or not expression.text():
        raise section.value.fail("expression is missing; write one with named groups, such as `^(?P<level>\\S+)`")
    if source is not None and not source.text():
        raise source.fail("source is empty; name an extracted value or leave the key out")
    return RegexStage(compile_expression(expression, expression.text()), source.text() if source else "")

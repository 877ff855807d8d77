"""Stage drop: an entry goes when every given condition holds. Spec: Promtail stages/drop."""

import time
from dataclasses import dataclass
from typing import Any

from opsconductor.collector.stages.entry import Entry, format_extracted
from opsconductor.collector.stages.regex import compile_expression
from opsconductor.collector.stages.stage import CountDropped, PlainStage
from opsconductor.model.document import Section, Value
from opsconductor.model.duration import parse_duration
from opsconductor.model.errors import InputError


@dataclass(frozen=True)
class Conditions:
    """Each None or empty one is not asked for. longer_than in bytes; older_than in ns.

    sources: extracted names, their texts joined by `separator` before value or pattern are compared with them;
    without them the pattern is compared with the line.
    """

    sources: tuple[str, ...] = ()
    separator: str = ";"
    value: str | None = None
    pattern: Any = None
    longer_than: int | None = None
    older_than: int | None = None


class DropStage(PlainStage):
    """Drops and counts under `reason`."""

    def __init__(self, conditions: Conditions, reason: str, count: CountDropped) -> None:
        self._conditions, self._reason, self._count = conditions, reason, count

    def keep(self, entry: Entry) -> bool:
        """False where every condition holds."""
        if not _holds(self._conditions, entry):
            return True
        self._count(self._reason)
        return False


def _holds(conditions: Conditions, entry: Entry) -> bool:
    if conditions.longer_than is not None and len(entry.line.encode()) <= conditions.longer_than:
        return False
    if conditions.older_than is not None and entry.time_ns >= time.time_ns() - conditions.older_than:
        return False
    text = entry.line
    if conditions.sources:
        if any(name not in entry.extracted for name in conditions.sources):
            return False
        parts = [format_extracted(entry.extracted[name]) for name in conditions.sources]
        if conditions.pattern is None and conditions.value is None:
            return True
        if None in parts:
            return False
        text = conditions.separator.join(part for part in parts if part is not None)
    if conditions.value is not None:
        return text == conditions.value
    return conditions.pattern is None or conditions.pattern.search(text) is not None


def _read_age(value: Value) -> int:
    text = value.text()
    try:
        if text.endswith(("d", "w", "y")):
            raise value.fail(f'"{text}" is not a duration of the original; use hours, such as 24h')
        return parse_duration(text)
    except InputError as error:
        raise value.fail(str(error)) from error


def read_drop(section: Section, count: CountDropped) -> DropStage:
    """The stage of `source`, `value` or `expression`, `longer_than`, `older_than`. Raises ConfigError."""
    source, value, expression = section.get("source"), section.get("value"), section.get("expression")
    longer, older = section.get("longer_than"), section.get("older_than")
    if not (source or expression or longer or older):
        raise section.value.fail("it needs at least one of source, expression, older_than and longer_than")
    if value and expression:
        raise value.fail("value and expression cannot both be given; keep one")
    if source and source.kind == "number":
        raise source.fail("source must be a name or a list of names")
    conditions = Conditions(
        sources=tuple(source.texts()) if source else (),
        separator=section.text("separator", ";"),
        value=value.text() if value and source else None,
        pattern=compile_expression(expression, expression.text()) if expression else None,
        longer_than=longer.size() if longer else None,
        older_than=_read_age(older) if older else None,
    )
    return DropStage(conditions, section.text("drop_counter_reason") or "drop_stage", count)

"""Rule files: groups of recording and alerting rules. Spec: Prometheus recording_rules, alerting_rules."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opsconductor.model.document import Section, Value, read_document
from opsconductor.model.errors import InputError
from opsconductor.model.labels import Labels, is_label_name, sort_labels

Check = Callable[[str], object]
"""Parses an expression; raises InputError where it is wrong. Injected: rules do not know a query language."""


@dataclass(frozen=True)
class Rule:
    """record or alert names the rule; hold_s is `for`, keep_s is `keep_firing_for`."""

    record: str
    alert: str
    expression: str
    hold_s: float
    keep_s: float
    labels: Labels
    annotations: Labels

    @property
    def name(self) -> str:
        """The recorded metric or the alert."""
        return self.record or self.alert


@dataclass(frozen=True)
class RuleGroup:
    """Rules evaluated in order, at one time, every interval_s."""

    name: str
    file: str
    interval_s: float
    limit: int
    rules: tuple[Rule, ...]


def load_groups(path: Path, default_interval_s: float, check: Check) -> tuple[list[RuleGroup], list[str]]:
    """The groups of a file and warnings about keys that are not followed. Raises ConfigError with FILE:LINE."""
    top = read_document(path)
    warnings: list[str] = []
    groups: list[RuleGroup] = []
    for value in top.items("groups"):
        group = _read_group(value, str(path), default_interval_s, check, warnings)
        if any(group.name == other.name for other in groups):
            raise value.fail(f"group {group.name!r} is there twice in the same file")
        groups.append(group)
    _warn(top, warnings)
    return groups, warnings


def _warn(section: Section, warnings: list[str]) -> None:
    warnings += [f"{value.path} is not supported and ignored ({value.where})" for value in section.unread()]


def _read_group(value: Value, file: str, interval_s: float, check: Check, warnings: list[str]) -> RuleGroup:
    section = value.section()
    name = section.text("name")
    if not name:
        raise value.fail("Groupname must not be empty")
    rules = tuple(_read_rule(one, check, warnings) for one in section.items("rules"))
    group = RuleGroup(
        name, file, section.seconds("interval", interval_s) or interval_s, int(section.text("limit", "0")), rules
    )
    _warn(section, warnings)
    return group


def _read_rule(value: Value, check: Check, warnings: list[str]) -> Rule:
    section = value.section()
    record, alert, expression = section.text("record"), section.text("alert"), section.text("expr")
    if bool(record) == bool(alert):
        raise value.fail("one of 'record' or 'alert' must be set, and not both")
    expression_value = section.get("expr")
    if expression_value is None:
        raise value.fail("field 'expr' must be set in rule")
    try:
        check(expression)
    except InputError as error:
        raise expression_value.fail(str(error)) from error
    rule = Rule(
        record,
        alert,
        expression,
        section.seconds("for", 0.0),
        section.seconds("keep_firing_for", 0.0),
        _read_labels(section.section("labels")),
        sort_labels({name: one.text() for name, one in section.section("annotations")}),
    )
    if record and (rule.hold_s or rule.annotations):
        raise value.fail("invalid field 'for' or 'annotations' in recording rule")
    _warn(section, warnings)
    return rule


def _read_labels(section: Section) -> Labels:
    labels = {}
    for name, value in section:
        if not is_label_name(name) or name == "__name__":
            raise value.fail(f"invalid label name: {name}")
        labels[name] = value.text()
    return sort_labels(labels)

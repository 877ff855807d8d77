"""Stages labels, static_labels, labeldrop and labelallow. Spec: Promtail stages of the same names."""

from opsconductor.collector.stages.entry import Entry, format_extracted
from opsconductor.collector.stages.stage import CountDropped, PlainStage
from opsconductor.model.document import Section, Value
from opsconductor.model.labels import is_label_name


class LabelsStage(PlainStage):
    """Extracted values become labels; pairs: (label, extracted name). A missing value or null changes nothing."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def keep(self, entry: Entry) -> bool:
        """Set the labels."""
        for label, source in self._pairs:
            if source in entry.extracted:
                text = format_extracted(entry.extracted[source])
                if text is not None:
                    entry.labels[label] = text
        return True


class StaticLabelsStage(PlainStage):
    """Labels with fixed values."""

    def __init__(self, labels: dict[str, str]) -> None:
        self._labels = labels

    def keep(self, entry: Entry) -> bool:
        """Set the labels."""
        entry.labels.update(self._labels)
        return True


class LabelDropStage(PlainStage):
    """Removes labels."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def keep(self, entry: Entry) -> bool:
        """Remove the named labels."""
        for name in self._names:
            entry.labels.pop(name, None)
        return True


class LabelAllowStage(PlainStage):
    """Removes every label but the named ones."""

    def __init__(self, names: list[str]) -> None:
        self._names = frozenset(names)

    def keep(self, entry: Entry) -> bool:
        """Keep the named labels only."""
        for name in entry.labels.keys() - self._names:
            del entry.labels[name]
        return True


def read_labels(section: Section, _count: CountDropped) -> LabelsStage:
    """The stage of `label: source`; without a source the label's own name. Raises ConfigError."""
    pairs = [(_check(name, value), value.text() or name) for name, value in section]
    if not pairs:
        raise section.value.fail("no label is named; write `label:` or `label: source`")
    return LabelsStage(pairs)


def read_static_labels(section: Section, _count: CountDropped) -> StaticLabelsStage:
    """The stage of `label: value`; an empty value sets nothing. Raises ConfigError."""
    labels = {_check(name, value): value.text() for name, value in section}
    if not labels:
        raise section.value.fail("no label is named; write `label: value`")
    return StaticLabelsStage({name: text for name, text in labels.items() if text})


def read_labeldrop(value: Value, _count: CountDropped) -> LabelDropStage:
    """The stage of a list of names. Raises ConfigError."""
    return LabelDropStage(_read_names(value))


def read_labelallow(value: Value, _count: CountDropped) -> LabelAllowStage:
    """The stage of a list of names. Raises ConfigError."""
    return LabelAllowStage(_read_names(value))


def _read_names(value: Value) -> list[str]:
    names = value.texts()
    if not names:
        raise value.fail("no label is named; write a list of names")
    return names


def _check(name: str, value: Value) -> str:
    if not is_label_name(name):
        raise value.fail(f'"{name}" is no label name; use letters, digits and "_", not a digit first')
    return name

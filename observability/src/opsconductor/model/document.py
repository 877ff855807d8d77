"""A YAML file whose every value knows its line: errors say FILE:LINE, and keys that nobody read are reported."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from opsconductor.model.duration import parse_duration
from opsconductor.model.errors import ConfigError, InputError

_NULL = "tag:yaml.org,2002:null"
_TRUE = frozenset(("true", "yes", "on"))
_FALSE = frozenset(("false", "no", "off"))
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Value:
    """One YAML node: its key's path for messages ("clients.url") and where it stands."""

    def __init__(self, node: yaml.Node, file: str, path: str) -> None:
        self.node, self.file, self.path = node, file, path

    @property
    def where(self) -> str:
        """FILE:LINE."""
        return f"{self.file}:{self.node.start_mark.line + 1}"

    @property
    def is_null(self) -> bool:
        """Whether nothing is written after the key."""
        return self.kind == "null"

    @property
    def kind(self) -> str:
        """What is written: null, text, number, list or mapping; a quoted number is text."""
        if isinstance(self.node, yaml.MappingNode):
            return "mapping"
        if isinstance(self.node, yaml.SequenceNode):
            return "list"
        tag = self.node.tag.rpartition(":")[2]
        return {"null": "null", "int": "number", "float": "number"}.get(tag, "text")

    def fail(self, why: str) -> ConfigError:
        """The error to raise about this value."""
        return ConfigError(f"cannot read {self.path}: {why}", self.where)

    def text(self) -> str:
        """The scalar as written; "" for null. Raises ConfigError."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.fail("write one value here, not a list or a mapping")
        return "" if self.is_null else str(self.node.value)

    def whole(self) -> int:
        """A whole number. Raises ConfigError."""
        text = self.text()
        try:
            return int(text)
        except ValueError as error:
            raise self.fail(f'"{text}" is not a whole number') from error

    def flag(self) -> bool:
        """Whether it says true. Raises ConfigError."""
        text = self.text().lower()
        if text not in _TRUE | _FALSE:
            raise self.fail(f'"{text}" is neither true nor false')
        return text in _TRUE

    def seconds(self) -> float:
        """A duration such as 250ms, in seconds. Raises ConfigError."""
        try:
            return parse_duration(self.text()) / 1e9
        except InputError as error:
            raise self.fail(str(error)) from error

    def size(self) -> int:
        """A size in bytes: 1048576, 256KB, 1MiB; units are powers of 1024. Raises ConfigError."""
        match = _SIZE.fullmatch(self.text().strip())
        if match is None:
            raise self.fail(f'"{self.text()}" is not a size; write bytes or a unit, such as 256KB')
        return int(float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " "))

    def section(self) -> "Section":
        """The mapping below; null is an empty one. Raises ConfigError."""
        return Section(self)

    def items(self) -> list["Value"]:
        """The list's values; null is an empty list. Raises ConfigError."""
        if self.is_null:
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.fail('write a list here, each item after "- "')
        return [Value(node, self.file, self.path) for node in self.node.value]

    def texts(self) -> list[str]:
        """The list's scalars, or the one scalar. Raises ConfigError."""
        if isinstance(self.node, yaml.ScalarNode) and not self.is_null:
            return [self.text()]
        return [item.text() for item in self.items()]


class Section:
    """A mapping's keys; each `get` marks a key as read, `unread` gives the rest."""

    def __init__(self, value: Value) -> None:
        self.value = value
        self._values: dict[str, Value] = {}
        self._read: set[str] = set()
        if value.is_null:
            return
        if not isinstance(value.node, yaml.MappingNode):
            raise value.fail("write keys here, such as `name: value`")
        yaml.constructor.SafeConstructor().flatten_mapping(value.node)
        prefix = f"{value.path}." if value.path else ""
        for key, node in value.node.value:
            self._values[str(key.value)] = Value(node, value.file, f"{prefix}{key.value}")

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        """Every key and its value, all marked as read."""
        self._read.update(self._values)
        return iter(list(self._values.items()))

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> Value | None:
        """The key's value; None where it is absent or null."""
        self._read.add(key)
        value = self._values.get(key)
        return None if value is None or value.is_null else value

    def text(self, key: str, default: str = "") -> str:
        """The key's scalar. Raises ConfigError."""
        value = self.get(key)
        return default if value is None else value.text()

    def flag(self, key: str, default: bool) -> bool:
        """The key's true or false. Raises ConfigError."""
        value = self.get(key)
        return default if value is None else value.flag()

    def seconds(self, key: str, default: float) -> float:
        """The key's duration in seconds. Raises ConfigError."""
        value = self.get(key)
        return default if value is None else value.seconds()

    def size(self, key: str, default: int) -> int:
        """The key's size in bytes. Raises ConfigError."""
        value = self.get(key)
        return default if value is None else value.size()

    def section(self, key: str) -> "Section":
        """The key's mapping; an empty one where it is absent. Raises ConfigError."""
        found = self.get(key)
        return Section(found) if found else Section(_null_like(self.value, key))

    def items(self, key: str) -> list[Value]:
        """The key's list; empty where it is absent. Raises ConfigError."""
        found = self.get(key)
        return found.items() if found else []

    def unread(self) -> list[Value]:
        """Values of keys that nobody asked for."""
        return [value for key, value in self._values.items() if key not in self._read]


def _null_like(parent: Value, key: str) -> Value:
    node = yaml.ScalarNode(_NULL, "", parent.node.start_mark, parent.node.end_mark)
    return Value(node, parent.file, f"{parent.path}.{key}".lstrip("."))


def expand_environment(text: str) -> str:
    """The text with ${NAME} and ${NAME:-default} replaced from the environment.

    A name that is not set and has no default stays as it is written, as templates use the same form.
    Spec: Promtail -config.expand-env.
    """

    def replace(match: re.Match[str]) -> str:
        return os.environ.get(match[1]) or (match[0] if match[2] is None else match[2])

    return _VARIABLE.sub(replace, text)


def parse_document(text: str, file: str) -> Section:
    """The top mapping of a YAML text; `file` is its name in messages. Raises ConfigError."""
    try:
        node = yaml.compose(expand_environment(text), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        raise ConfigError(f"cannot read YAML: {error.problem}; check quotes and indentation", where) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"cannot read YAML: {error}", file) from error
    if node is None:
        raise ConfigError("cannot read the configuration: the file is empty", file)
    return Value(node, file, "").section()


def read_document(path: Path) -> Section:
    """The top mapping of a YAML file. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}; pass the file's path with --config") from error
    return parse_document(text, str(path))

"""Log lines and metric results on a terminal: colours on a TTY, plain text elsewhere."""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from opsconductor.model.labels import format_labels, sort_labels

OUTPUTS: Final = ("text", "json", "jsonl", "raw")
WIDE: Final = 10_000
"""Columns of an output that is no terminal: nothing is cut."""

_LEVEL_STYLES = {
    "trace": "dim",
    "debug": "dim",
    "info": "green",
    "warn": "yellow",
    "warning": "yellow",
    "error": "bold red",
    "critical": "bold white on red",
    "fatal": "bold white on red",
}
_SERVICE_STYLES = ("cyan", "magenta", "blue", "bright_cyan", "bright_magenta", "bright_blue")
_SHOWN_APART = {"time", "timestamp", "ts", "level", "severity", "service", "message", "msg", "logger", "span_id"}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Line:
    """One entry: ns since 1970, the labels of its stream, its text."""

    time_ns: int
    labels: Mapping[str, str]
    text: str


def read_lines(streams: Iterable[Mapping[str, Any]]) -> list[Line]:
    """The entries of a streams answer, oldest first."""
    lines = [Line(int(value[0]), one["stream"], value[1]) for one in streams for value in one["values"]]
    return sorted(lines, key=lambda line: line.time_ns)


class LogView:
    """Prints to stdout in one of OUTPUTS."""

    def __init__(self, output: str) -> None:
        self._output = output
        self._console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        if not self._console.is_terminal:
            self._console.width = WIDE

    def show_lines(self, lines: Iterable[Line]) -> None:
        """Print entries."""
        for line in lines:
            if self._output == "raw":
                sys.stdout.write(f"{line.text}\n")
            elif self._output == "text":
                self._console.print(self._style(line))
            else:
                entry = {"time": _iso_time(line.time_ns), "labels": dict(line.labels), "line": line.text}
                sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def show_data(self, data: Mapping[str, Any]) -> None:
        """Print the data of a query's answer."""
        if self._output == "json":
            sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
        elif data["resultType"] == "streams":
            self.show_lines(read_lines(data["result"]))
        elif self._output == "text":
            self._show_table(data)
        else:
            for labels, time, value in _read_points(data):
                sys.stdout.write(json.dumps({"time": time, "labels": labels, "value": value}) + "\n")

    def _show_table(self, data: Mapping[str, Any]) -> None:
        table = Table("time", "labels", Column("value", justify="right"), box=None, pad_edge=False)
        for labels, time, value in sorted(_read_points(data), key=lambda point: point[1]):
            table.add_row(
                _local_time(int(time * 1e9)), format_labels(sort_labels(labels)), Text(value, justify="right")
            )
        self._console.print(table)

    def _style(self, line: Line) -> Text:
        found = _read_object(line.text)
        level = str(line.labels.get("level") or found.get("level") or found.get("severity") or "")
        service = str(line.labels.get("service") or line.labels.get("service_name") or found.get("service") or "")
        message = found.get("message", found.get("msg"))
        text = Text()
        text.append(f"{_local_time(line.time_ns)} ", style="dim")
        if level:
            text.append(f"{level.upper():<8}", style=_LEVEL_STYLES.get(level.lower(), ""))
        if service:
            text.append(f"{service:<10} ", style=_SERVICE_STYLES[sum(service.encode()) % len(_SERVICE_STYLES)])
        if message is None:
            text.append(escape_control(line.text))
            return text
        text.append(escape_control(str(message)), style="bold")
        for name, value in found.items():
            if name not in _SHOWN_APART and value is not None:
                text.append(f"  {escape_control(name)}=", style="dim")
                text.append(escape_control(value if isinstance(value, str) else json.dumps(value)))
        return text


def escape_control(text: str) -> str:
    r"""The text with control characters written as \x1b: a log line must not command the terminal."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text).replace("\n", "\n    ")


def _read_object(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read_points(data: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], float, str]]:
    """(labels, seconds, value) of a matrix, vector or scalar."""
    if data["resultType"] == "scalar":
        yield {}, data["result"][0], data["result"][1]
        return
    for one in data["result"]:
        for time, value in one.get("values") or [one["value"]]:
            yield one["metric"], time, value


def _local_time(ns: int) -> str:
    time = datetime.fromtimestamp(ns // 1_000_000_000, UTC).astimezone()
    return f"{time:%Y-%m-%d %H:%M:%S}.{ns // 1_000_000 % 1000:03}"


def _iso_time(ns: int) -> str:
    time = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{ns % 1_000_000_000:09}Z"

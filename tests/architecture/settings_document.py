"""docs/settings.md, made from the tables that the processes read. Run this file to write it.

What has no table, the environment that telemetry and the supervisors read, is described here.
"""

import argparse
import importlib
from collections.abc import Iterable
from pathlib import Path

from opsconductor.cli.main import COMMANDS
from opsconductor.dashboards import settings as dashboards
from opsconductor.exporters import config as exporters
from opsconductor.logs import settings as logs
from opsconductor.storage.settings import describe_settings

DOCUMENT = Path(__file__).parents[2] / "docs/settings.md"
Row = tuple[str, str, str]
"""Name, default, meaning."""

TELEMETRY: tuple[Row, ...] = (
    ("LOG_LEVEL", "info", "least level that is logged: debug, info, warning or error"),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "where spans go, such as http://jaeger:4318; empty: they are dropped",
    ),
    (
        "OPSCONDUCTOR_ADDRESSES",
        "{}",
        'where names are: a JSON object such as {"auth:8001": "127.0.0.1:18001"}; the supervisors make it',
    ),
)
SUPERVISOR: tuple[Row, ...] = (
    (
        "OPSCONDUCTOR_HOME",
        ".opsconductor",
        "the home folder; of a role: the folder below which paths of its file lie",
    ),
    ("OPSCONDUCTOR_CONFIG", "", "the configuration folder; empty: the checkout's `config`"),
    ("PORT_OFFSET", "0", "added to every port"),
)
SERVICES = ("auth", "backend", "frontend")
OPTIONS = ("up", "down", "status", "doctor", "run")
SECOND_NS = 10**9


def render() -> str:
    """The whole document."""
    parts = [INTRODUCTION]
    for service in SERVICES:
        table = importlib.import_module(f"{service}_service.settings").SETTINGS
        rows = [(one.name, "" if one.default is None else one.default, one.help) for one in table]
        needed = [one.name for one in table if one.default is None]
        note = f" `{'`, `'.join(needed)}` must be given." if needed else ""
        parts.append(f"## {service.capitalize()}\n\nEnvironment.{note}\n\n{make_table(rows)}")
    parts.append(f"## Every process of ours\n\nEnvironment.\n\n{make_table(TELEMETRY)}")
    parts.append(f"## Supervisors\n\nEnvironment; the options win.\n\n{make_table(SUPERVISOR)}")
    parts += [render_options(command) for command in OPTIONS]
    parts += [render_logs(), render_storage()]
    parts.append(f"## Dashboards\n\nEnvironment, under Grafana's names.\n\n{make_table(dashboards.SETTINGS)}")
    parts.append(f"## Exporters\n\nEnvironment, under the exporters' names.\n\n{make_table(exporters.SETTINGS)}")
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """\
# Settings

Made from the tables in the code by `python tests/architecture/settings_document.py`; a test holds both equal.

Services and roles end with status 2 and one line that says what to do when a setting cannot be used. Roles read their
original's configuration file; a key that they do not follow is a warning that names it, with its line."""


def render_options(command: str) -> str:
    """The options of one command, as its parser knows them."""
    module = importlib.import_module(COMMANDS[command][0])
    parser = argparse.ArgumentParser(add_help=False)
    module.add_arguments(parser)
    rows = []
    for action in parser._actions:
        name = ", ".join(action.option_strings) or action.dest.upper()
        metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
        takes = f" {metavar}" if action.option_strings and action.nargs != 0 else ""
        default = "" if action.default in (None, False, argparse.SUPPRESS) else str(action.default)
        choices = f" ({', '.join(map(str, action.choices))})" if action.choices else ""
        words = (action.help or "the one to run") % {"default": action.default}
        rows.append((f"{name}{takes}", default, f"{words}{choices}"))
    return f"### `opsconductor {command}`\n\n{COMMANDS[command][1].capitalize()}.\n\n{make_table(rows)}"


def render_logs() -> str:
    """Keys of loki.yml."""
    rows = [(one.name, one.default, one.help) for one in (*logs.ROLE, *logs.LIMITS)]
    silent = [(name, reason) for name, reason in logs.MEANINGLESS.items()]
    silent += [
        (name, f"only with the value `{value}`, which is what the role does") for name, value in logs.AS_WE_DO.items()
    ]
    lines = "\n".join(f"| `{name}` | {escape(reason)} |" for name, reason in silent)
    return (
        f"## Logs\n\nKeys of `loki.yml`.\n\n{make_table(rows)}\n\nTaken in silence, for they decide nothing here:\n\n"
        f"| key | why |\n|---|---|\n{lines}"
    )


def render_storage() -> str:
    """Settings of the engine."""
    rows = [
        (
            one.name,
            describe_default(one.name, one.default),
            one.help + (f" (`{one.original}`)" if one.original else ""),
        )
        for one in describe_settings()
    ]
    return (
        "## Storage engine\n\nOf every role that stores. `retention_ns` follows the role's own file"
        " (`limits_config.retention_period`); the rest has no key yet. In brackets: the original's name.\n\n"
        f"{make_table(rows)}"
    )


def describe_default(name: str, value: int) -> str:
    """Durations (…_ns) in the largest unit that divides them, sizes (…_bytes) in MiB."""
    if name.endswith("_bytes"):
        return f"{value // 2**20} MiB"
    if not name.endswith("_ns"):
        return str(value)
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if value % (seconds * SECOND_NS) == 0:
            return f"{value // (seconds * SECOND_NS)} {unit}"
    return f"{value} ns"


def make_table(rows: Iterable[Row]) -> str:
    """Name, default and meaning in Markdown."""
    lines = [f"| `{name}` | {f'`{default}`' if default else ''} | {escape(text)} |" for name, default, text in rows]
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *lines])


def escape(text: str) -> str:
    """A bar would end the cell."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")

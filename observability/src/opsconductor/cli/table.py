"""How the boxes are shown: a table for people (with colours on a terminal), JSON for programs."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from opsconductor.cli.box import BoxStatus, State
from opsconductor.cli.home import Home
from opsconductor.cli.passwords import ADMINISTRATOR, DASHBOARDS
from opsconductor.cli.ports import HOST
from opsconductor.cli.state import CLUSTERS, read_running

COLUMNS = ("BOX", "CLUSTER", "ADDRESS", "STATE", "PID", "RESTARTS", "")
COLOURS = {State.HEALTHY: "green", State.CRASHING: "bold red", State.UNHEALTHY: "red", State.RESTARTING: "yellow"}


def describe_trouble(box: BoxStatus) -> str:
    """Why a box is not healthy and the last it said, in one line."""
    if box.state == State.HEALTHY:
        return f"{box.dropped_log_lines} log lines dropped" if box.dropped_log_lines else ""
    return ": ".join(part for part in (box.last_error, box.last_line) if part)


def _row(box: BoxStatus) -> tuple[str, ...]:
    where = box.url or f"{HOST}:{box.port}"
    return (
        box.name,
        box.cluster,
        where,
        box.state.value,
        str(box.pid or "-"),
        str(box.restarts),
        describe_trouble(box),
    )


def print_boxes(boxes: Sequence[BoxStatus]) -> None:
    """The table, on standard output."""
    if not boxes:
        return
    if sys.stdout.isatty():
        _print_rich(boxes)
        return
    rows = [COLUMNS, *map(_row, boxes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
        print("  ".join(cells).rstrip())


def _print_rich(boxes: Sequence[BoxStatus]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*COLUMNS, box=None, pad_edge=False)
    for box in boxes:
        cells = [Text(cell) for cell in _row(box)]
        cells[3].stylize(COLOURS.get(box.state, "dim"))
        table.add_row(*cells)
    Console().print(table)


def print_welcome(home: Home, boxes: Sequence[BoxStatus]) -> None:
    """Where to go now."""
    doors = {"nginx": ("the jobs", ADMINISTRATOR), "dashboards": ("the dashboards", DASHBOARDS)}
    urls = {box.name: box.url for box in boxes if box.name in doors}
    if urls:
        print("\nLog in as admin:")
    for name, url in urls.items():
        what, password = doors[name]
        print(f"  {url} for {what}; the password is in {home.secrets / password}")


def describe_clusters(home: Home, clusters: Sequence[str] = CLUSTERS) -> dict[str, Any]:
    """What --json prints."""
    described = {}
    for cluster in clusters:
        state = read_running(home, cluster)
        described[cluster] = {"running": False} if state is None else {"running": True, **state.to_json()}
    return {
        "home": str(home.root),
        "administrator_password_file": str(home.secrets / ADMINISTRATOR),
        "clusters": described,
    }


def print_json(home: Home, clusters: Sequence[str]) -> None:
    """describe_clusters on standard output."""
    print(json.dumps(describe_clusters(home, clusters), indent=2, sort_keys=True))

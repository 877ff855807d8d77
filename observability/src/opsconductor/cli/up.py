"""`opsconductor up`: start the clusters, a supervisor each, and say how they are."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from opsconductor.cli.box import BoxStatus, State
from opsconductor.cli.boxes import BOXES
from opsconductor.cli.home import find_config, link_config, prepare_home
from opsconductor.cli.launch import (
    POLL_S,
    Plan,
    end_leftovers,
    read_last_lines,
    start_supervisor,
    stop_clusters,
    wait_healthy,
    wait_started,
)
from opsconductor.cli.options import Choice, add_choice, read_choice
from opsconductor.cli.ports import Ports, check_ports, parse_offset
from opsconductor.cli.servers.programs import find_nginx, find_postgres, find_redis
from opsconductor.cli.state import read_boxes, read_running
from opsconductor.cli.table import describe_trouble, print_boxes, print_json, print_welcome
from opsconductor.model.errors import ConfigError

OFFSET_ENVIRONMENT = "PORT_OFFSET"
TIMEOUT_S = 240.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which clusters, where, on which ports, and how long to stay."""
    add_choice(parser)
    parser.add_argument("--config", type=Path, metavar="DIR", help="configuration folder (default: the checkout's)")
    parser.add_argument(
        "--port-offset", metavar="N", help=f"added to every port (default: {OFFSET_ENVIRONMENT} or 0)"
    )
    parser.add_argument("--detach", action="store_true", help="leave them running in the background")
    parser.add_argument("--wait", action="store_true", help="with --detach: return when every box is healthy")
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_S,
        metavar="S",
        help="how long to wait for that (default: %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Start what does not run yet; 0 when all is well, 1 when a box is not (it goes on trying)."""
    choice = read_choice(arguments)
    text = arguments.port_offset or os.environ.get(OFFSET_ENVIRONMENT) or ""
    wanted = parse_offset(text) if text else None
    fresh = _choose_fresh(choice, wanted)
    started: dict[str, subprocess.Popen[bytes]] = {}
    if fresh:
        plan = Plan(choice.home, find_config(arguments.config), wanted or 0)
        _check(plan, fresh)
        started = _start(plan, fresh, is_attached=not arguments.detach)
    for cluster in sorted(set(choice.clusters) - set(fresh)):
        _say(f"The {cluster} cluster is running already.")
    if arguments.detach or not started:
        return _finish(choice, arguments, Progress() if arguments.wait else None)
    return _stay(choice, arguments, started)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _choose_fresh(choice: Choice, wanted: int | None) -> list[str]:
    """The clusters that do not run yet; ConfigError when one runs on other ports than wanted."""
    fresh = []
    for cluster in choice.clusters:
        state = read_running(choice.home, cluster)
        if state is None:
            fresh.append(cluster)
        elif wanted is not None and state.offset != wanted:
            raise ConfigError(
                f"cannot move the {cluster} cluster to port offset {wanted}: it runs with {state.offset} in"
                f" {choice.home.root}; stop it first (opsconductor down), or use another home (--home DIR)"
            )
    return fresh


def _check(plan: Plan, clusters: list[str]) -> None:
    """Everything that can be known beforehand, for all clusters before any of them starts."""
    prepare_home(plan.home)
    link_config(plan.home, plan.config)
    for cluster in clusters:
        end_leftovers(plan.home, cluster)
    if "business" in clusters:
        for find in (find_postgres, find_redis, find_nginx):
            find()
    check_ports([box for cluster in clusters for box in BOXES[cluster]], Ports(plan.offset))


def _start(plan: Plan, clusters: list[str], is_attached: bool) -> dict[str, subprocess.Popen[bytes]]:
    started = {cluster: start_supervisor(plan, cluster, is_attached) for cluster in clusters}
    try:
        for cluster, process in started.items():
            wait_started(plan, cluster, process)
    except BaseException:
        stop_clusters(plan.home, clusters)
        raise
    return started


class Progress:
    """One line on standard error for each change of a box, with the seconds since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seen: dict[str, State] = {}

    def report(self, boxes: list[BoxStatus]) -> None:
        """Say what became of them since the last look."""
        for box in boxes:
            if self._seen.get(box.name, State.WAITING) != box.state:
                self._say(box)
            self._seen[box.name] = box.state

    def _say(self, box: BoxStatus) -> None:
        trouble = describe_trouble(box) if box.state in {State.CRASHING, State.RESTARTING, State.UNHEALTHY} else ""
        seconds = time.monotonic() - self._began
        _say(f"{seconds:6.1f} s  {box.name:<10} {box.state.value}{'  ' + trouble if trouble else ''}")


def _finish(choice: Choice, arguments: argparse.Namespace, progress: Progress | None) -> int:
    """Wait if there is progress to be shown, print the table and the way in; complain about unhealthy boxes."""
    ailing = wait_healthy(choice.home, choice.clusters, arguments.timeout, progress.report) if progress else []
    boxes = read_boxes(choice.home, choice.clusters)
    if arguments.json:
        print_json(choice.home, choice.clusters)
    else:
        print_boxes(boxes)
        print_welcome(choice.home, boxes)
    sys.stdout.flush()
    if ailing:
        _complain(ailing, arguments)
    return 1 if ailing else 0


def _complain(ailing: list[BoxStatus], arguments: argparse.Namespace) -> None:
    crashing = [box for box in ailing if box.state == State.CRASHING]
    for box in crashing or ailing:
        _say(f"\n{box.name} is not healthy ({box.state.value}): {box.last_error or 'it has not answered yet'}")
        for line in read_last_lines(box):
            _say(f"    {line}")
        _say(f"    (from {box.log})")
    home = f" --home '{arguments.home}'" if arguments.home else ""
    _say(
        f"\nNot every box is healthy; they go on trying. See: opsconductor status{home}"
        f"; stop: opsconductor down{home}"
    )


def _stay(choice: Choice, arguments: argparse.Namespace, started: dict[str, subprocess.Popen[bytes]]) -> int:
    """In the foreground: show what happens until Ctrl-C or the supervisors' end, then stop what we started."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    progress = Progress()
    try:
        _finish(choice, arguments, progress)
        _say("\nPress Ctrl-C to stop.")
        while any(process.poll() is None for process in started.values()):
            progress.report(read_boxes(choice.home, choice.clusters))
            time.sleep(POLL_S)
        _say("All supervisors have ended.")
    except KeyboardInterrupt:
        _say("\nStopping …")
        return 0
    finally:
        stop_clusters(choice.home, started)
    return 1


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt

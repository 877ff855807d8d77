"""Starts and ends supervisors, and waits for what they say. A supervisor is known by its lock and its state file."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from opsconductor.cli.box import BoxStatus, State
from opsconductor.cli.home import Home
from opsconductor.cli.leftovers import clean_leftovers
from opsconductor.cli.process import MARK, Identity, send, wait_gone
from opsconductor.cli.servers.privileges import OWN
from opsconductor.cli.state import ClusterState, hold_lock, read_running, read_state
from opsconductor.model.errors import OpsConductorError

SUPERVISOR = (sys.executable, "-P", "-m", "opsconductor.cli.supervisor")
APPEAR_S = 120.0
STOP_S = 40.0
POLL_S = 0.1
LAST_LINES = 10


class StartError(OpsConductorError):
    """A supervisor or a box does not start."""


@dataclass(frozen=True)
class Plan:
    """What a supervisor is started with."""

    home: Home
    config: Path
    offset: int


def start_supervisor(plan: Plan, cluster: str, is_attached: bool) -> subprocess.Popen[bytes]:
    """Start the cluster's supervisor in a session of its own; attached: it is told to stop when we die."""
    options = ("--home", str(plan.home.root), "--config", str(plan.config), "--port-offset", str(plan.offset))
    argv = [*SUPERVISOR, cluster, *options]
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    with open(plan.home.last_words(cluster), "wb") as last_words:
        return subprocess.Popen(
            OWN.wrap(tuple(argv), signal.SIGTERM) if is_attached else argv,
            stdin=subprocess.DEVNULL,
            stdout=last_words,
            stderr=last_words,
            start_new_session=True,
            cwd="/",
            env=environment,
        )


def wait_started(plan: Plan, cluster: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the supervisor publishes its state; StartError with its last words when it does not."""
    until = time.monotonic() + APPEAR_S
    while time.monotonic() < until:
        if read_running(plan.home, cluster):
            return
        if process.poll() is not None:
            break
        time.sleep(POLL_S / 2)
    said = plan.home.last_words(cluster).read_text(errors="replace").strip()
    raise StartError(said or f"cannot start the {cluster} cluster: its supervisor says nothing for {APPEAR_S:g} s")


def stop_clusters(home: Home, clusters: Iterable[str]) -> list[str]:
    """End the clusters' supervisors and whatever a dead one left; returns the clusters of which something ran."""
    if not home.run.is_dir():
        return []
    found = {cluster: state for cluster in clusters if (state := read_running(home, cluster))}
    supervisors = {cluster: Identity(state.pid, state.start) for cluster, state in found.items()}
    for identity in supervisors.values():
        send(identity, signal.SIGTERM)
    for identity in wait_gone(supervisors.values(), STOP_S):
        send(identity, signal.SIGKILL)
        wait_gone([identity], STOP_S)
    return [cluster for cluster in clusters if end_leftovers(home, cluster) or cluster in supervisors]


def end_leftovers(home: Home, cluster: str) -> int:
    """End what a dead supervisor left; nothing when another one lives."""
    with hold_lock(home, cluster) as is_ours:
        if not is_ours:
            return 0
        count = clean_leftovers(home, cluster)
        home.state_file(cluster).unlink(missing_ok=True)
        return count


def wait_healthy(
    home: Home, clusters: Sequence[str], timeout_s: float, report: Callable[[list[BoxStatus]], None]
) -> list[BoxStatus]:
    """Wait until every box is healthy, or one is in a crash loop; returns the boxes that are not healthy.

    report: called with all boxes at each look. Raises StartError when a supervisor is gone.
    """
    until = time.monotonic() + timeout_s
    while True:
        states = [_require_state(home, cluster) for cluster in clusters]
        boxes = [box for state in states for box in state.boxes]
        report(boxes)
        ailing = [box for box in boxes if box.state != State.HEALTHY]
        if not ailing or time.monotonic() > until or any(box.state == State.CRASHING for box in ailing):
            return ailing
        time.sleep(POLL_S)


def _require_state(home: Home, cluster: str) -> ClusterState:
    state = read_state(home, cluster)
    if state is None or not state.is_running:
        said = home.last_words(cluster).read_text(errors="replace").strip()
        raise StartError(f"the {cluster} cluster's supervisor has ended{': ' + said if said else ''}")
    return state


def read_last_lines(box: BoxStatus, count: int = LAST_LINES) -> list[str]:
    """The end of a box's log."""
    try:
        with open(box.log, errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, maxlen=count)]
    except OSError:
        return []

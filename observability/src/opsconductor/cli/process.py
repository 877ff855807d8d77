"""Processes as the kernel shows them in /proc: who is it, is it still the same one, what is left of a box.

A pid alone names nobody: it is used again. An Identity (pid and start time) names one process since boot.
"""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "OPSCONDUCTOR_BOX"
"""Environment variable of every box: "<home>#<cluster>/<box>"; what a box starts inherits it."""


@dataclass(frozen=True)
class Identity:
    """One process: its pid and its start time in clock ticks since boot."""

    pid: int
    start: int


@dataclass(frozen=True)
class Stat:
    """The fields of /proc/PID/stat that we need. start: clock ticks since boot."""

    state: str
    session: int
    start: int


def read_stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return Stat(fields[0], int(fields[3]), int(fields[19]))


def identify(pid: int) -> Identity | None:
    """The identity of a living process; None when it is gone or a zombie."""
    stat = read_stat(pid)
    return None if stat is None or stat.state in "ZX" else Identity(pid, stat.start)


def is_alive(identity: Identity) -> bool:
    """Whether exactly this process still runs."""
    return identify(identity.pid) == identity


def read_boot_id() -> str:
    """Changes with every boot: start times of another boot mean nothing."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def list_pids() -> list[int]:
    """All processes that this user can see."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def describe_command(pid: int, limit: int = 120) -> str:
    """The command line of a process, shortened; "" where it cannot be read."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    text = raw.replace(b"\0", b" ").decode(errors="replace").strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def find_marked(prefix: str) -> Iterator[Identity]:
    """Living processes whose environment says MARK=prefix…"""
    needle = f"{MARK}={prefix}".encode()
    for pid in list_pids():
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(variable.startswith(needle) for variable in variables):
            identity = identify(pid)
            if identity:
                yield identity


def find_session(leader: Identity) -> Iterator[Identity]:
    """Living processes of the session that a box's first process began, also after that process's end.

    A session's number is not given to a new process while a member lives; where its leader lives it must be ours.
    """
    first = read_stat(leader.pid)
    if first is not None and first.start != leader.start:
        return
    for pid in list_pids():
        stat = read_stat(pid)
        if stat and stat.session == leader.pid and stat.start >= leader.start and stat.state not in "ZX":
            yield Identity(pid, stat.start)


def send(identity: Identity, number: int) -> None:
    """Signal exactly this process, if it still lives."""
    if is_alive(identity):
        try:
            os.kill(identity.pid, number)
        except (ProcessLookupError, PermissionError):
            return


def kill_group(pid: int) -> None:
    """SIGKILL to the process group of a child of ours that began it; also what its end has left."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def wait_gone(identities: Iterable[Identity], timeout_s: float) -> list[Identity]:
    """Wait until they are gone; returns those that are not."""
    until = time.monotonic() + timeout_s
    left = [identity for identity in identities if is_alive(identity)]
    while left and time.monotonic() < until:
        time.sleep(0.05)
        left = [identity for identity in left if is_alive(identity)]
    return left

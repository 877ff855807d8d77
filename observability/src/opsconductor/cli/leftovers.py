"""Ends what a dead supervisor left behind: recorded processes and what they began, never anybody else's."""

import os
import signal

from opsconductor.cli.home import Home
from opsconductor.cli.process import Identity, find_marked, find_session, send, wait_gone
from opsconductor.cli.state import read_state

TERMINATE_S = 3.0
KILL_S = 5.0


def mark_of(home: Home, cluster: str) -> str:
    """How the environment of every box of this home and cluster begins."""
    return f"{home.root}#{cluster}/"


def find_leftovers(home: Home, cluster: str) -> set[Identity]:
    """Living processes of this cluster. Only for one who knows that its supervisor is dead."""
    state = read_state(home, cluster)
    recorded = state.identities() if state else []
    found = {member for leader in recorded for member in find_session(leader)}
    found.update(find_marked(mark_of(home, cluster)))
    return {identity for identity in found if identity.pid != os.getpid()}


def clean_leftovers(home: Home, cluster: str) -> int:
    """Ask them to end, then kill what is left; returns how many there were."""
    found = find_leftovers(home, cluster)
    for identity in found:
        send(identity, signal.SIGTERM)
    wait_gone(found, TERMINATE_S)
    left = find_leftovers(home, cluster)
    for identity in left:
        send(identity, signal.SIGKILL)
    wait_gone(left, KILL_S)
    return len(found)

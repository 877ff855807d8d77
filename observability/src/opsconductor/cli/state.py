"""What a supervisor tells the others: <home>/run/<cluster>.json, replaced whole at each change."""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opsconductor.cli.box import BoxStatus, State
from opsconductor.cli.home import Home
from opsconductor.cli.process import Identity, is_alive, read_boot_id

CLUSTERS = ("business", "observability")


@dataclass
class ClusterState:
    """One cluster as its supervisor last published it. pid, start: the supervisor itself."""

    cluster: str
    pid: int
    start: int
    boot_id: str
    offset: int
    config: str
    boxes: list[BoxStatus] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        """Whether the supervisor that wrote this still lives."""
        return self.boot_id == read_boot_id() and is_alive(Identity(self.pid, self.start))

    @property
    def is_healthy(self) -> bool:
        """Whether every box is."""
        return all(box.state == State.HEALTHY for box in self.boxes)

    def identities(self) -> list[Identity]:
        """The boxes' processes, if they are of this boot."""
        if self.boot_id != read_boot_id():
            return []
        return [box.identity for box in self.boxes if box.identity]

    def to_json(self) -> dict[str, Any]:
        """Plain values only."""
        return vars(self) | {"boxes": [box.to_json() for box in self.boxes]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ClusterState":
        """The inverse of to_json."""
        return cls(**{**values, "boxes": [BoxStatus.from_json(box) for box in values["boxes"]]})


def read_state(home: Home, cluster: str) -> ClusterState | None:
    """The published state; None where there is none or a foreign one (an older version's)."""
    try:
        return ClusterState.from_json(json.loads(home.state_file(cluster).read_text()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_running(home: Home, cluster: str) -> ClusterState | None:
    """The state of a cluster whose supervisor lives."""
    state = read_state(home, cluster)
    return state if state and state.is_running else None


def read_boxes(home: Home, clusters: Sequence[str]) -> list[BoxStatus]:
    """The boxes of those clusters that run."""
    return [box for cluster in clusters if (state := read_running(home, cluster)) for box in state.boxes]


def write_state(home: Home, state: dict[str, Any]) -> None:
    """Publish (a ClusterState as JSON) in one step. Raises OSError, such as on a full disk."""
    path = home.state_file(state["cluster"])
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(state))
    draft.replace(path)


@contextmanager
def hold_lock(home: Home, cluster: str) -> Iterator[bool]:
    """Whether this process now holds the cluster's lock; given back at the end, or by the kernel at our death."""
    descriptor = os.open(home.lock(cluster), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)

"""A box: one process of a cluster. What is known of it beforehand (BoxSpec) and while it lives (BoxStatus)."""

import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from opsconductor.cli.health import Probe
from opsconductor.cli.process import Identity
from opsconductor.cli.servers.privileges import OWN, Privileges


class State(StrEnum):
    """Where a box is in its life."""

    WAITING = "waiting"  # for a box that it needs
    PREPARING = "preparing"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"  # runs, was healthy, and does not answer as it should
    RESTARTING = "restarting"  # ended, and starts again after a pause
    CRASHING = "crash loop"  # ended CRASH_LOOP times without a healthy minute between
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class BoxSpec:
    """One box as data.

    needs: boxes that this one starts after and ends before; it starts all the same when one crashes or dawdles.
    prepare: runs before each start (initdb, writing a configuration); its error counts as a failed start.
    stop_signal: asks for a clean end, SIGKILL follows after stop_s; on_orphan: what the kernel sends the box when
    its supervisor dies. hang_s: a box that was healthy and has answered nothing for so long is killed.
    probe_s: pause between two looks at a healthy box.
    """

    name: str
    cluster: str
    argv: tuple[str, ...]
    port: int
    probe: Probe
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    prepare: Callable[[], Coroutine[Any, Any, object]] | None = None
    privileges: Privileges = OWN
    stop_signal: int = signal.SIGTERM
    stop_s: float = 8.0
    on_orphan: int = signal.SIGKILL
    hang_s: float = 60.0
    probe_s: float = 5.0
    url: str = ""


@dataclass
class BoxStatus:
    """One box as it is now; what the state file holds. pid and start are 0 when it does not run."""

    name: str
    cluster: str
    port: int
    url: str = ""
    state: State = State.WAITING
    pid: int = 0
    start: int = 0
    restarts: int = 0
    last_error: str = ""
    last_line: str = ""
    dropped_log_lines: int = 0
    log: str = ""

    @property
    def identity(self) -> Identity | None:
        """The process, when there is one."""
        return Identity(self.pid, self.start) if self.pid else None

    def to_json(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self) | {"state": self.state.value}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "BoxStatus":
        """The inverse of to_json."""
        return cls(**{**values, "state": State(values["state"])})

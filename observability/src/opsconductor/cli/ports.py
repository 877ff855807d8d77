"""Which port each box listens on, and who sits on it already."""

import errno
import json
import socket
from dataclasses import dataclass
from pathlib import Path

from opsconductor.cli.process import describe_command, list_pids
from opsconductor.model.errors import ConfigError, OpsConductorError

DEFAULT_PORTS = {
    "postgres": 5432,
    "redis": 6379,
    "auth": 8001,
    "backend": 8000,
    "worker": 8002,
    "scheduler": 8003,
    "frontend": 3000,
    "nginx": 8080,
    "logs": 3100,
    "collector": 9080,
    "metrics": 9090,
    "alerts": 9093,
    "traces": 16686,
    "dashboards": 3001,
    "exporters": 9100,
}
"""Box → its main port."""

SIDE_PORTS = {
    "exporters": {"postgres": 9187, "redis": 9121, "nginx": 9113},
    "traces": {"otlp-grpc": 4317, "otlp-http": 4318},
}
"""Box → its further listeners by name, each an option of `opsconductor run`."""

CONTAINER_NAMES = {
    "logs": "loki",
    "collector": "promtail",
    "metrics": "prometheus",
    "alerts": "alertmanager",
    "traces": "jaeger",
    "dashboards": "grafana",
    "exporters": "node-exporter",
}
"""What containers call a box, where that is not its name."""

SIDE_NAMES = {
    ("exporters", "postgres"): "postgres-exporter",
    ("exporters", "redis"): "redis-exporter",
    ("exporters", "nginx"): "nginx-exporter",
    ("traces", "otlp-grpc"): "jaeger",
    ("traces", "otlp-http"): "jaeger",
}
"""What containers call the box behind a further listener."""

METRICS_NAMES = {"jaeger:8888": "traces"}
"""Ports on which only the original serves its metrics → the box whose main port does."""

HOST = "127.0.0.1"
HIGHEST_OFFSET = 65535 - max(
    *DEFAULT_PORTS.values(), *(port for side in SIDE_PORTS.values() for port in side.values())
)
LISTENING = "0A"


class PortError(OpsConductorError):
    """A port that a box needs is taken."""


@dataclass(frozen=True)
class Ports:
    """The ports of all boxes, each its default plus one offset."""

    offset: int = 0

    def of(self, box: str) -> int:
        """The box's port."""
        return DEFAULT_PORTS[box] + self.offset

    def listen(self, box: str) -> str:
        """HOST:PORT that the box listens on."""
        return f"{HOST}:{self.of(box)}"

    def side(self, box: str) -> dict[str, str]:
        """HOST:PORT of each further listener of the box."""
        return {name: f"{HOST}:{port + self.offset}" for name, port in SIDE_PORTS.get(box, {}).items()}

    def all_of(self, box: str) -> list[int]:
        """Every port that the box listens on, the main one first."""
        return [self.of(box), *(port + self.offset for port in SIDE_PORTS.get(box, {}).values())]

    def addresses(self) -> str:
        """The table for OPSCONDUCTOR_ADDRESSES: every box under its own name and the one containers use."""
        table = {}
        for name, box in METRICS_NAMES.items():
            table[name] = self.listen(box)
        for (box, name), container in SIDE_NAMES.items():
            table[f"{container}:{SIDE_PORTS[box][name]}"] = self.side(box)[name]
        for box, port in DEFAULT_PORTS.items():
            for name in {box, CONTAINER_NAMES.get(box, box)}:
                table[f"{name}:{port}"] = self.listen(box)
        return json.dumps(table, sort_keys=True)


def parse_offset(text: str) -> int:
    """The offset that --port-offset or PORT_OFFSET gives."""
    if not text.isdigit() or int(text) > HIGHEST_OFFSET:
        raise ConfigError(
            f'cannot use port offset "{text}": write a number from 0 to {HIGHEST_OFFSET}, such as 10000'
        )
    return int(text)


def is_free(port: int) -> bool:
    """Whether a listener on loopback could take this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes


def find_owner(port: int) -> int | None:
    """The pid that listens on the port, where this user may see it."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    return next((pid for pid in list_pids() if inodes.intersection(_read_descriptors(pid))), None)


def _read_descriptors(pid: int) -> list[str]:
    """What the process has open, as far as this user may know and it is still open."""
    try:
        entries = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []
    links = []
    for entry in entries:
        try:
            links.append(str(entry.readlink()))
        except OSError:
            continue
    return links


def describe_owner(port: int) -> str:
    """Such as: pid 12 (command line); or what can be said without the right to see more."""
    pid = find_owner(port)
    if pid is None:
        return "a process of another user, which this user may not see"
    return f"pid {pid} ({describe_command(pid)})"


def suggest_offset(boxes: list[str], taken: int) -> int:
    """An offset with which all these boxes' ports are free."""
    for offset in range(10000, HIGHEST_OFFSET, 5000):
        if offset != taken and all(is_free(port) for box in boxes for port in Ports(offset).all_of(box)):
            return offset
    return 10000


def check_ports(boxes: list[str], ports: Ports) -> None:
    """Raise PortError naming each taken port, its owner and the command that avoids it."""
    taken = [(box, port) for box in boxes for port in ports.all_of(box) if not is_free(port)]
    if not taken:
        return
    reasons = "; ".join(f"cannot start {box}: port {port} is used by {describe_owner(port)}" for box, port in taken)
    offset = suggest_offset(boxes, ports.offset)
    raise PortError(
        f"{reasons}. Stop what uses it, or take other ports: PORT_OFFSET={offset} make up"
        f" (opsconductor up --port-offset {offset})"
    )

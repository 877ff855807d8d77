"""`opsconductor run all`: every role of the observability cluster by one command, in the foreground.

Each role is a process of its own, as a role that stalls or crashes must not take the others along; all end together.
For restarts, health checks and log files there is `opsconductor up --only observability`.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from opsconductor.cli.ports import Ports
from opsconductor.model import address
from opsconductor.model.errors import ConfigError, OpsConductorError

CONFIGURATIONS = {
    "logs": "loki.yml",
    "metrics": "prometheus.yml",
    "alerts": "alertmanager.yml",
    "traces": "jaeger.yml",
    "dashboards": "grafana/provisioning",
    "exporters": "",
    "collector": "promtail.yml",
}
"""Role → its configuration below the folder that --config names."""

STOP_S = 8.0


class RoleEndedError(OpsConductorError):
    """A role ended by itself."""


def run_all(config: Path | None, data: Path | None, offset: int) -> int:
    """Start every role and wait for SIGTERM, SIGINT or the end of one. Raises RoleEndedError for the last."""
    folder = config or Path("config")
    if not folder.is_dir():
        raise ConfigError(
            f"cannot run all roles: {folder} is no folder; name the one of all configuration files", "--config"
        )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    children = {role: _start(role, folder, data, Ports(offset)) for role in CONFIGURATIONS}
    try:
        while not stop.wait(0.2):
            for role, child in children.items():
                if child.poll() is not None:
                    raise RoleEndedError(f"cannot go on: {role} ended with exit status {child.returncode}; see above")
    finally:
        _stop(list(children.values()))
    return 0


def _start(role: str, folder: Path, data: Path | None, ports: Ports) -> "subprocess.Popen[bytes]":
    words = ["run", role, "--listen", ports.listen(role)]
    for name, listen in ports.side(role).items():
        words += [f"--{name}", listen]
    if CONFIGURATIONS[role]:
        words += ["--config", str(folder / CONFIGURATIONS[role])]
        if data is not None:
            words += ["--data", str(data / role)]
    # The files name boxes as containers do; here they are all on this machine.
    environment = {address.ENVIRONMENT: ports.addresses(), **os.environ}
    return subprocess.Popen([sys.executable, "-m", "opsconductor.cli.main", *words], env=environment)


def _stop(children: "list[subprocess.Popen[bytes]]") -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

"""`opsconductor run ROLE`: one role in the foreground."""

import argparse
import importlib
from pathlib import Path

from opsconductor.cli.ports import SIDE_PORTS, parse_offset
from opsconductor.cli.run_all import run_all
from opsconductor.model.address import parse_listen
from opsconductor.serving.role import RoleOptions

ROLES = {
    "alerts": ("opsconductor.alerts.role", 9093),
    "collector": ("opsconductor.collector.role", 9080),
    "dashboards": ("opsconductor.dashboards.role", 3001),
    "exporters": ("opsconductor.exporters.role", 9100),
    "logs": ("opsconductor.logs.role", 3100),
    "metrics": ("opsconductor.metrics.role", 9090),
    "traces": ("opsconductor.traces.role", 16686),
}
"""Role → (module with main(RoleOptions) -> int, default port)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """ROLE and its options."""
    parser.add_argument("role", choices=[*sorted(ROLES), "all"])
    parser.add_argument(
        "--config", type=Path, help="the original's configuration file, or the folder of all (default: config/)"
    )
    parser.add_argument("--data", type=Path, help="folder for the role's state (default: what the file says)")
    parser.add_argument("--listen", default="", metavar="HOST:PORT", help="default: loopback, the role's own port")
    parser.add_argument("--port-offset", default="0", metavar="N", help="with all: added to every port")
    for role, listeners in SIDE_PORTS.items():
        for name, port in listeners.items():
            help_text = f"further listener of {role} (default: loopback, {port})"
            parser.add_argument(f"--{name}", default="", metavar="HOST:PORT", help=help_text)


def run(arguments: argparse.Namespace) -> int:
    """Import the role's module and run its main() until it is told to stop."""
    if arguments.role == "all":
        return run_all(arguments.config, arguments.data, parse_offset(arguments.port_offset))
    module, port = ROLES[arguments.role]
    listen = parse_listen(arguments.listen, port)
    extra = {
        name: parse_listen(getattr(arguments, name.replace("-", "_")) or listen[0], default)
        for name, default in SIDE_PORTS.get(arguments.role, {}).items()
    }
    options = RoleOptions(arguments.config, arguments.data, listen, extra)
    return int(importlib.import_module(module).main(options))

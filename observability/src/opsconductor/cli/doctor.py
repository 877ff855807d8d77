"""`opsconductor doctor`: what this machine has, what it lacks, and what to do. Exit status 1 when something lacks."""

import argparse
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from opsconductor.cli.boxes import BOXES, ROLES
from opsconductor.cli.home import FRESH_BYTES, Home, find_config, prepare_home
from opsconductor.cli.options import Choice, add_choice, read_choice
from opsconductor.cli.ports import Ports, describe_owner, is_free, parse_offset, suggest_offset
from opsconductor.cli.servers.privileges import Privileges, choose_privileges, find_account, name_state, try_namespace
from opsconductor.cli.servers.programs import Program, find_nginx, find_postgres, find_redis
from opsconductor.cli.state import read_running
from opsconductor.cli.up import OFFSET_ENVIRONMENT
from opsconductor.model.errors import OpsConductorError

OLDEST_PYTHON = (3, 11)
EARLIEST_CLOCK = 1_750_000_000
"""June 2025: a clock before this was never set, and retention would throw new lines away."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at. advice: what to do, when it is not ok."""

    name: str
    is_ok: bool
    detail: str
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--only, --home, --json, --config, --port-offset."""
    add_choice(parser)
    parser.add_argument("--config", type=Path, metavar="DIR", help="configuration folder (default: the checkout's)")
    parser.add_argument(
        "--port-offset", metavar="N", help=f"look at these ports (default: {OFFSET_ENVIRONMENT} or 0)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Look at everything, whatever the first problem is."""
    choice = read_choice(arguments)
    offset = parse_offset(arguments.port_offset or os.environ.get(OFFSET_ENVIRONMENT) or "0")
    findings = list(examine(choice, arguments.config, offset))
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok     ' if finding.is_ok else 'PROBLEM'}  {finding.name}: {finding.detail}")
            if finding.advice and not finding.is_ok:
                print(f"         → {finding.advice}")
    return 0 if all(finding.is_ok for finding in findings) else 1


def examine(choice: Choice, config: Path | None, offset: int) -> Iterator[Finding]:
    """Every finding, one after the other."""
    yield _examine_python()
    yield _examine_clock()
    yield _examine_home(choice.home)
    yield _examine_disk(choice.home)
    yield from _examine_config(config)
    if "business" in choice.clusters:
        yield from _examine_servers(choice.home)
    for cluster in choice.clusters:
        yield _examine_ports(choice.home, cluster, offset)


def _examine_python() -> Finding:
    version = platform.python_version()
    is_ok = sys.version_info >= OLDEST_PYTHON and sys.platform == "linux"
    advice = "use Linux and Python 3.11 or later"
    return Finding("Python", is_ok, f"{version} on {platform.system()} ({sys.executable})", advice)


def _examine_clock() -> Finding:
    now = time.time()
    said = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    return Finding("clock", now > EARLIEST_CLOCK, said, "set the clock; lines are kept by their time")


def _examine_home(home: Home) -> Finding:
    existed = home.root.exists()
    try:
        prepare_home(home)
    except OpsConductorError as error:
        return Finding("home", False, str(error), "choose a folder that this user may write: --home DIR")
    if not existed:
        shutil.rmtree(home.root)
    return Finding("home", True, f"{home.root} is writable{'' if existed else ' (will be made)'}")


def _examine_disk(home: Home) -> Finding:
    folder = next(parent for parent in (home.root, *home.root.parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    advice = f"free space, or choose another disk with --home DIR; {FRESH_BYTES >> 20} MiB are the least"
    return Finding("disk", free >= FRESH_BYTES, f"{free >> 20} MiB free on the disk of {folder}", advice)


def _examine_config(option: Path | None) -> Iterator[Finding]:
    try:
        config = find_config(option)
    except OpsConductorError as error:
        yield Finding("configuration", False, str(error), "name the folder with --config DIR")
        return
    for path in (config / name for name, _ in ROLES.values() if name.endswith(".yml")):
        try:
            yaml.safe_load(path.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            yield Finding("configuration", False, f"{path}: {' '.join(str(error).split())}", "correct the file")
        else:
            yield Finding("configuration", True, f"{path} is readable")


def _examine_servers(home: Home) -> Iterator[Finding]:
    privileges = choose_privileges()
    yield _examine_privileges(privileges)
    data = name_state(privileges, home.state) / "postgres"
    finders: dict[str, Callable[[], Program]] = {
        "postgres": lambda: find_postgres(data),
        "redis": find_redis,
        "nginx": find_nginx,
    }
    for name, find in finders.items():
        try:
            program = find()
        except OpsConductorError as error:
            yield Finding(name, False, str(error), "see there")
        else:
            yield Finding(name, True, f"{program.name} {program.version} from {program.source} ({program.path})")


def _examine_privileges(privileges: Privileges) -> Finding:
    if privileges.kind == "own":
        return Finding("user", True, f"uid {os.geteuid()}; the servers run as the same user")
    if privileges.kind == "namespace":
        return Finding("user", True, f"uid {os.geteuid()}; the servers run in an unprivileged user namespace")
    reason = try_namespace(Privileges("namespace", *find_account()))
    return Finding("user", True, f"root; the servers run as nobody, their data in /var/lib ({reason})")


def _examine_ports(home: Home, cluster: str, offset: int) -> Finding:
    name = f"ports of {cluster}"
    state = read_running(home, cluster)
    if state:
        return Finding(name, True, f"its supervisor runs (pid {state.pid}, port offset {state.offset})")
    ports = Ports(offset)
    boxes = list(BOXES[cluster])
    taken = [box for box in boxes if not is_free(ports.of(box))]
    if not taken:
        return Finding(name, True, ", ".join(str(ports.of(box)) for box in boxes) + " are free")
    detail = "; ".join(f"{ports.of(box)} ({box}) is used by {describe_owner(ports.of(box))}" for box in taken)
    return Finding(name, False, detail, f"stop it, or: PORT_OFFSET={suggest_offset(boxes, offset)} make up")

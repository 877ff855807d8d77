"""Stands for `python -m opsconductor.cli.supervisor business`, with the servers alone.

AS_ACCOUNT=DIR: as if user namespaces were forbidden and our programs out of reach, with DIR for /var/lib.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from opsconductor.cli import boxes as table
from opsconductor.cli.home import Home
from opsconductor.cli.servers import privileges, programs
from opsconductor.cli.supervisor import supervise

parser = argparse.ArgumentParser()
parser.add_argument("cluster")
parser.add_argument("--home", type=Path)
parser.add_argument("--config", type=Path)
parser.add_argument("--port-offset", type=int)
arguments = parser.parse_args()

if "AS_ACCOUNT" in os.environ:
    privileges.STATE_PARENT = Path(os.environ["AS_ACCOUNT"])
    programs.can_reach = lambda path: not path.is_relative_to(sys.prefix)
    table.choose_privileges = lambda: privileges.Privileges("account", *privileges.find_account())

home = Home(arguments.home)
boxes = table.build_boxes("business", home, arguments.config, arguments.port_offset)
servers = [replace(box, needs=(), probe_s=0.2) for box in boxes if box.name in {"postgres", "redis", "nginx"}]
sys.exit(supervise(home, "business", servers, arguments.port_offset, arguments.config))

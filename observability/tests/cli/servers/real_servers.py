"""Stands for `python -m opsconductor.cli.supervisor business`, with the servers alone."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from opsconductor.cli.boxes import build_boxes
from opsconductor.cli.home import Home
from opsconductor.cli.supervisor import supervise

parser = argparse.ArgumentParser()
parser.add_argument("cluster")
parser.add_argument("--home", type=Path)
parser.add_argument("--config", type=Path)
parser.add_argument("--port-offset", type=int)
arguments = parser.parse_args()

home = Home(arguments.home)
boxes = build_boxes("business", home, arguments.config, arguments.port_offset)
servers = [replace(box, needs=(), probe_s=0.2) for box in boxes if box.name in {"postgres", "redis", "nginx"}]
sys.exit(supervise(home, "business", servers, arguments.port_offset, arguments.config))

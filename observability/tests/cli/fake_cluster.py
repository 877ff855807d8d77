"""Stands for `python -m opsconductor.cli.supervisor`, with boxes read from <home>/boxes.json instead of the table."""

import argparse
import json
import sys
from pathlib import Path

from opsconductor.cli.box import BoxSpec
from opsconductor.cli.health import probe_http
from opsconductor.cli.home import Home
from opsconductor.cli.supervisor import supervise

parser = argparse.ArgumentParser()
parser.add_argument("cluster")
parser.add_argument("--home", type=Path)
parser.add_argument("--config", type=Path)
parser.add_argument("--port-offset", type=int)
arguments = parser.parse_args()

PROGRAM = Path(__file__).with_name("fake_box.py")
specs = []
for box in json.loads((arguments.home / "boxes.json").read_text()):
    if box.pop("cluster", "business") != arguments.cluster:
        continue
    argv = (sys.executable, str(PROGRAM), str(box["port"]), *box.pop("behaviour", []))
    needs = tuple(box.pop("needs", ()))
    probe = probe_http(box["port"], timeout_s=box.pop("timeout_s", 4.0))
    environment = {"PATH": "/usr/bin:/bin"}
    specs.append(
        BoxSpec(cluster=arguments.cluster, argv=argv, probe=probe, needs=needs, environment=environment, **box)
    )
sys.exit(supervise(Home(arguments.home), arguments.cluster, specs, arguments.port_offset, arguments.config))

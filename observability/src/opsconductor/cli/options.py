"""Options that `up`, `down` and `status` share."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from opsconductor.cli.home import Home, locate_home
from opsconductor.cli.state import CLUSTERS


@dataclass(frozen=True)
class Choice:
    """Which clusters of which home."""

    home: Home
    clusters: tuple[str, ...]


def add_choice(parser: argparse.ArgumentParser) -> None:
    """--only, --home, --json."""
    parser.add_argument("--only", choices=CLUSTERS, help="this cluster alone (default: both)")
    parser.add_argument("--home", type=Path, metavar="DIR", help="the home folder (default: .opsconductor)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def read_choice(arguments: argparse.Namespace) -> Choice:
    """What the options chose."""
    return Choice(locate_home(arguments.home), (arguments.only,) if arguments.only else CLUSTERS)

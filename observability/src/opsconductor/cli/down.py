"""`opsconductor down`: stop the clusters and leave no process behind."""

import argparse

from opsconductor.cli.launch import stop_clusters
from opsconductor.cli.options import add_choice, read_choice
from opsconductor.cli.table import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--only, --home, --json."""
    add_choice(parser)


def run(arguments: argparse.Namespace) -> int:
    """Stop; it is no error when nothing runs."""
    choice = read_choice(arguments)
    stopped = stop_clusters(choice.home, choice.clusters)
    if arguments.json:
        print_json(choice.home, choice.clusters)
        return 0
    for cluster in choice.clusters:
        print(f"{cluster}: {'stopped' if cluster in stopped else 'was not running'}")
    return 0

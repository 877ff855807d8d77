"""`opsconductor status`: the boxes as their supervisors see them. Exit status 0 healthy, 1 not all, 3 not running."""

import argparse

from opsconductor.cli.options import add_choice, read_choice
from opsconductor.cli.state import read_running
from opsconductor.cli.table import print_boxes, print_json

NOT_RUNNING = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--only, --home, --json."""
    add_choice(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    choice = read_choice(arguments)
    states = {cluster: read_running(choice.home, cluster) for cluster in choice.clusters}
    running = [state for state in states.values() if state]
    if arguments.json:
        print_json(choice.home, choice.clusters)
    else:
        print_boxes([box for state in running for box in state.boxes])
        for cluster, state in states.items():
            if state is None:
                print(f"{cluster}: not running in {choice.home.root}")
    if len(running) < len(states):
        return NOT_RUNNING
    return 0 if all(state.is_healthy for state in running) else 1

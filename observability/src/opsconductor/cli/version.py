"""`opsconductor version`."""

import argparse

from opsconductor import __version__


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(_arguments: argparse.Namespace) -> int:
    """Print the version."""
    print(__version__)
    return 0

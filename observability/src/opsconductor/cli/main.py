"""`opsconductor …`: one table of commands, each a module imported only when it is asked for."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from opsconductor import __version__
from opsconductor.model.errors import OpsConductorError

COMMANDS = {
    "up": ("opsconductor.cli.up", "start both clusters"),
    "down": ("opsconductor.cli.down", "stop them"),
    "status": ("opsconductor.cli.status", "show boxes, ports and health"),
    "doctor": ("opsconductor.cli.doctor", "say what this machine lacks and what to do"),
    "run": ("opsconductor.cli.run", "run one role in the foreground"),
    "query": ("opsconductor.cli.query", "query logs or traces"),
    "tail": ("opsconductor.cli.tail", "follow logs live"),
    "version": ("opsconductor.cli.version", "print the version"),
}


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """The parser; only the asked command's module is imported, so that `--help` and errors are instant."""
    parser = argparse.ArgumentParser(
        prog="opsconductor", description="IT jobs and their observability, in two clusters."
    )
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, help_text) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=help_text, description=help_text)
        if name == command:
            importlib.import_module(module).add_arguments(subparser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. An error of ours is one line on stderr and status 1."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in words if word in COMMANDS), None)
    arguments = build_parser(command).parse_args(words)
    try:
        return int(importlib.import_module(COMMANDS[arguments.command][0]).run(arguments))
    except OpsConductorError as error:
        print(f"opsconductor: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""`opsconductor query logs 'LOGQL'`: what the log store holds, oldest line first. Traces: query_traces."""

import argparse
import sys
import time
from datetime import datetime

from opsconductor.cli import query_traces
from opsconductor.cli.logview import OUTPUTS, LogView
from opsconductor.cli.store import add_store_options, find_store
from opsconductor.model.duration import parse_duration
from opsconductor.model.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The signal, and what its query takes."""
    signals = parser.add_subparsers(dest="signal", metavar="SIGNAL", required=True)
    query_traces.add_arguments(signals.add_parser("traces", help="search traces, or show one"))
    _add_logs(signals.add_parser("logs", help="query logs in LogQL"))


def _add_logs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", metavar="LOGQL", help="""such as '{service="auth"} |= "refused"'""")
    parser.add_argument("--since", default="1h", metavar="DURATION", help="how far back (default: 1h)")
    parser.add_argument("--from", dest="start", metavar="TIME", help="from this time; wins over --since")
    parser.add_argument("--to", dest="end", metavar="TIME", help="up to this time (default: now)")
    parser.add_argument("--limit", type=int, default=100, help="at most so many lines (default: 100)")
    parser.add_argument(
        "--direction", choices=["backward", "forward"], default="backward", help="which end --limit keeps"
    )
    parser.add_argument("--step", metavar="DURATION", help="distance of the points of a metric query")
    parser.add_argument("--output", choices=OUTPUTS, default="text")
    add_store_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask and print; 0 also where nothing was found."""
    if arguments.signal == "traces":
        return query_traces.run(arguments)
    now = time.time_ns()
    end = read_time(arguments.end) if arguments.end else now
    start = read_time(arguments.start) if arguments.start else end - parse_duration(arguments.since)
    parameters: dict[str, str | int] = {
        "query": arguments.query,
        "start": start,
        "end": end,
        "limit": arguments.limit,
        "direction": arguments.direction,
    }
    if arguments.step:
        parameters["step"] = arguments.step
    data = find_store(arguments).get("query_range", parameters)
    try:
        LogView(arguments.output).show_data(data)
    except BrokenPipeError:
        sys.stderr.close()  # the reader (head, less) has enough; nothing is left to say
    return 0


def read_time(text: str) -> int:
    """Nanoseconds of ISO 8601 ("2026-01-31T10:00", local unless it names a zone), Unix seconds, "2h" ago."""
    if text.isdigit():
        return int(text) * (1_000_000_000 if len(text) <= 10 else 1)
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1_000_000) * 1000
    except (ValueError, OverflowError):
        pass
    try:
        return time.time_ns() - parse_duration(text)
    except InputError as error:
        raise InputError(
            f'cannot read time "{text}": write 2026-01-31T10:00, seconds since 1970, or 2h for two hours ago'
        ) from error

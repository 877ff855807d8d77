"""`opsconductor tail 'LOGQL'`: lines as they arrive, until Ctrl-C."""

import argparse
import json
import sys
import time
from collections.abc import Iterator

from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI
from websockets.sync.client import connect

from opsconductor.cli.logview import OUTPUTS, Line, LogView, read_lines
from opsconductor.cli.store import Store, StoreError, add_store_options, find_store, read_message
from opsconductor.model.duration import parse_duration

RETRY_S = 1.0
MAX_MESSAGE_BYTES = 64 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The query and where to begin."""
    parser.add_argument("query", metavar="LOGQL", help="""such as '{service="auth"} |= "refused"'""")
    parser.add_argument("--since", default="0s", metavar="DURATION", help="begin with lines that old (default: now)")
    parser.add_argument("--limit", type=int, default=100, help="at most so many old lines first (default: 100)")
    parser.add_argument(
        "--delay", type=int, default=0, metavar="SECONDS", help="hold lines back to sort late ones, 0-5"
    )
    parser.add_argument("--output", choices=[name for name in OUTPUTS if name != "json"], default="text")
    add_store_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print until interrupted; a store that restarts is waited for, and nothing between is missed."""
    store, view = find_store(arguments), LogView(arguments.output)
    start = time.time_ns() - parse_duration(arguments.since)
    is_connected = False
    try:
        while True:
            try:
                for lines in _follow(store, arguments, start):
                    is_connected = True
                    view.show_lines(lines)
                    start = max([start, *(line.time_ns + 1 for line in lines)])
            except ConnectionClosed:
                _say("the store closed the connection; reconnecting")
            except StoreError as error:
                if not is_connected:
                    raise
                _say(f"{error}; trying again")
            time.sleep(RETRY_S)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has enough
        return 0


def _follow(store: Store, arguments: argparse.Namespace, start: int) -> Iterator[list[Line]]:
    """Batches of lines, an empty one first, once the query is taken. Raises ConnectionClosed, StoreError."""
    parameters = {"query": arguments.query, "start": start, "limit": arguments.limit, "delay_for": arguments.delay}
    url = store.websocket_url("tail", parameters)
    try:
        connection = connect(url, additional_headers=store.headers, max_size=MAX_MESSAGE_BYTES, compression=None)
    except InvalidStatus as error:
        message = read_message(error.response.body.decode("utf-8", "replace"))
        raise StoreError(f"cannot tail: {message} (status {error.response.status_code}, {store.url})") from error
    except (OSError, InvalidURI, TimeoutError) as error:
        raise store.describe_failure(error) from error
    with connection:
        yield []
        while True:
            frame = json.loads(connection.recv())
            yield read_lines(frame["streams"])
            if dropped := frame.get("dropped_entries"):
                _say(f"{len(dropped)} lines were dropped: this terminal is too slow for the query")


def _say(message: str) -> None:
    print(f"opsconductor: {message}", file=sys.stderr)

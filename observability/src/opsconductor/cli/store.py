"""The log store over HTTP, for the terminal: where it is, and what its answers mean."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from opsconductor.cli.home import locate_home
from opsconductor.cli.ports import DEFAULT_PORTS, HOST
from opsconductor.cli.state import read_running
from opsconductor.model.address import resolve_address
from opsconductor.model.errors import InputError, OpsConductorError

BOX: Final = "logs"
CONTAINER: Final = "loki"
PREFIX: Final = "/loki/api/v1"
TIMEOUT_S: Final = 70.0
"""A little more than the store's own query_timeout."""


class StoreError(OpsConductorError):
    """The log store could not be reached, or it refused the request."""


def add_store_options(parser: argparse.ArgumentParser) -> None:
    """--addr, --home and --tenant."""
    parser.add_argument("--addr", metavar="URL", help="the log store (default: the running one of the home folder)")
    parser.add_argument("--home", type=Path, metavar="DIR", help="the home folder (default: .opsconductor)")
    parser.add_argument("--tenant", metavar="NAME", help="whose logs, where the store keeps tenants apart")


@dataclass(frozen=True)
class Store:
    """url: http://HOST:PORT; tenant: sent as X-Scope-OrgID where given."""

    url: str
    tenant: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request."""
        return {"X-Scope-OrgID": self.tenant} if self.tenant else {}

    def websocket_url(self, path: str, parameters: Mapping[str, str | int]) -> str:
        """The ws:// or wss:// URL of a path below the API's prefix."""
        return f"ws{self.url.removeprefix('http')}{PREFIX}/{path}?{urlencode(parameters)}"

    def get(self, path: str, parameters: Mapping[str, str | int]) -> Any:
        """The `data` of a good answer. Raises StoreError."""
        try:
            answer = httpx.get(
                f"{self.url}{PREFIX}/{path}", params=dict(parameters), headers=self.headers, timeout=TIMEOUT_S
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.describe_failure(error) from error
        if answer.status_code != 200:
            raise StoreError(f"cannot query: {read_message(answer.text)} (status {answer.status_code}, {self.url})")
        try:
            return answer.json()["data"]
        except (ValueError, KeyError) as error:
            raise StoreError(f"cannot query: {self.url} does not answer as a log store does; check --addr") from error

    def describe_failure(self, error: Exception) -> StoreError:
        """The error of a store that cannot be reached."""
        reason = str(error) or type(error).__name__
        return StoreError(
            f"cannot reach the log store at {self.url}: {reason}; start it with `opsconductor up`, or name it with"
            " --addr URL"
        )


def read_message(body: str) -> str:
    """What an error's body says: JSON's `message`, else its text."""
    try:
        found = httpx.Response(200, text=body).json()
    except ValueError:
        return body.strip()
    return str(found.get("message", body)) if isinstance(found, dict) else body.strip()


def find_store(arguments: argparse.Namespace) -> Store:
    """The log store that the arguments mean."""
    return Store(find_url(arguments, BOX, CONTAINER), arguments.tenant)


def find_url(arguments: argparse.Namespace, box: str, container: str) -> str:
    """--addr, else the supervisor's table of addresses, else the home's running box, else its default port."""
    if arguments.addr:
        url = arguments.addr if "://" in arguments.addr else f"http://{arguments.addr}"
        if not url.startswith(("http://", "https://")):
            raise InputError(f'cannot use --addr "{arguments.addr}": write http://HOST:PORT')
        return str(url).rstrip("/")
    host, port = resolve_address(container, DEFAULT_PORTS[box])
    if host == container:
        host, port = HOST, DEFAULT_PORTS[box]
        state = read_running(locate_home(arguments.home), "observability")
        if state is not None:
            port = next((one.port for one in state.boxes if one.name == box), port)
    return f"http://{host}:{port}"

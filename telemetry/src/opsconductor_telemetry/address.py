"""Where a box is: settings name boxes as containers do (auth:8001), the supervisor says where they are.

OPSCONDUCTOR_ADDRESSES holds a JSON object {"auth:8001": "127.0.0.1:18001", …}. A name that the table does not
hold is left alone, so that the same setting works where names resolve by themselves (containers).
"""

import json
import os
from functools import cache
from urllib.parse import urlsplit, urlunsplit

from opsconductor_telemetry.errors import TelemetryError

ENVIRONMENT = "OPSCONDUCTOR_ADDRESSES"
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "postgresql": 5432, "redis": 6379, "rediss": 6379}


def resolve_address(host: str, port: int) -> tuple[str, int]:
    """The (host, port) to connect to for a box's (name, port).

    TelemetryError when the table is not a JSON object of "name:port" to "host:port".
    """
    return _table(os.environ.get(ENVIRONMENT) or "{}").get(f"{host}:{port}", (host, port))


def resolve_url(url: str) -> str:
    """The URL with its host and port replaced by the box's address; everything else stays as it is.

    Takes HTTP, SQLAlchemy (postgresql+psycopg://…) and Redis URLs; a URL without a port has its scheme's default
    port, a URL without a host (a Unix socket) or with an unknown scheme and no port is returned unchanged.
    """
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme.partition("+")[0])
    if not parts.hostname or port is None:
        return url
    host, to_port = resolve_address(parts.hostname, port)
    if (host, to_port) == (parts.hostname, port):
        return url
    user, at, _ = parts.netloc.rpartition("@")
    shown = f"[{host}]" if ":" in host else host
    return urlunsplit(parts._replace(netloc=f"{user}{at}{shown}:{to_port}"))


@cache
def _table(text: str) -> dict[str, tuple[str, int]]:
    try:
        table = json.loads(text)
        return {str(name): _split(str(address)) for name, address in table.items()}
    except (ValueError, AttributeError) as error:
        raise TelemetryError(
            f'cannot read {ENVIRONMENT}: {error}; write a JSON object such as {{"auth:8001": "127.0.0.1:18001"}}'
        ) from error


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f'"{address}" is not HOST:PORT')
    return host.strip("[]"), int(port)

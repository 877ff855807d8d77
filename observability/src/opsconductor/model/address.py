"""Where a box is: configuration names boxes as containers do (loki:3100), the supervisor says where they are.

OPSCONDUCTOR_ADDRESSES holds a JSON object {"loki:3100": "127.0.0.1:13100", …}. A name that the table does not
hold is left alone, so that the same configuration works where names resolve by themselves.
"""

import json
import os
from functools import cache
from urllib.parse import urlsplit, urlunsplit

from opsconductor.model.errors import ConfigError

ENVIRONMENT = "OPSCONDUCTOR_ADDRESSES"


@cache
def _table(text: str) -> dict[str, str]:
    try:
        table = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"cannot read {ENVIRONMENT}: {error}; it must be a JSON object of name:port") from error
    return {str(name): str(address) for name, address in table.items()}


def resolve_address(host: str, port: int) -> tuple[str, int]:
    """The (host, port) to connect to for a box's (name, port)."""
    address = _table(os.environ.get(ENVIRONMENT) or "{}").get(f"{host}:{port}")
    if address is None:
        return host, port
    to_host, _, to_port = address.rpartition(":")
    return to_host, int(to_port)


def resolve_url(url: str) -> str:
    """The URL with its host and port replaced by the box's address; anything else is left as it is."""
    parts = urlsplit(url)
    if not parts.hostname:
        return url
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host, to_port = resolve_address(parts.hostname, port)
    if (host, to_port) == (parts.hostname, port):
        return url
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return urlunsplit(parts._replace(netloc=f"{user}{host}:{to_port}"))


def parse_listen(text: str, default_port: int) -> tuple[str, int]:
    """(host, port) of "HOST:PORT", "HOST" or ":PORT"; the host defaults to loopback."""
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, str(default_port)
    if not port.isdigit() or int(port) > 65535:
        raise ConfigError(f'cannot listen on "{text}": write HOST:PORT, such as 127.0.0.1:{default_port}')
    return host.strip("[]") or "127.0.0.1", int(port)

"""Settings of the exporters: environment variables, as the originals take them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from opsconductor.exporters.postgres import PostgresAddress
from opsconductor.exporters.redis import RedisAddress
from opsconductor.model.errors import ConfigError
from opsconductor.model.paths import map_path

SETTINGS = (
    ("DATA_SOURCE_URI", "postgres:5432/postgres", "PostgreSQL to watch: host:port/database."),
    ("DATA_SOURCE_USER", "opsconductor", "Its user."),
    ("DATA_SOURCE_PASS_FILE", "", "File that holds its password; empty for none."),
    ("REDIS_ADDR", "redis://redis:6379", "Redis to watch."),
    ("REDIS_PASSWORD_FILE", "", "File that holds its password; empty for none."),
    ("NGINX_ADDR", "nginx:8080", "Nginx to watch: host:port."),
    ("NGINX_LOG", "/var/log/opsconductor/nginx/nginx.log", "Its JSON access log."),
)
"""name, default, help"""


@dataclass(frozen=True)
class ExportersConfig:
    """What is watched."""

    postgres: PostgresAddress
    redis: RedisAddress
    nginx: tuple[str, int]
    nginx_log: Path


def read_settings(environment: Mapping[str, str] | None = None) -> ExportersConfig:
    """The settings of the environment. Raises ConfigError."""
    given = os.environ if environment is None else environment
    value = {name: given.get(name) or default for name, default, _ in SETTINGS}
    database = _split(f"//{value['DATA_SOURCE_URI']}", "DATA_SOURCE_URI", 5432)
    cache = _split(
        value["REDIS_ADDR"] if "//" in value["REDIS_ADDR"] else f"//{value['REDIS_ADDR']}", "REDIS_ADDR", 6379
    )
    return ExportersConfig(
        PostgresAddress(
            database[0],
            database[1],
            value["DATA_SOURCE_USER"],
            _read_secret(value["DATA_SOURCE_PASS_FILE"]),
            database[2] or "postgres",
        ),
        RedisAddress(cache[0], cache[1], _read_secret(value["REDIS_PASSWORD_FILE"])),
        _split(f"//{value['NGINX_ADDR']}", "NGINX_ADDR", 80)[:2],
        map_path(value["NGINX_LOG"]),
    )


def _split(url: str, name: str, default_port: int) -> tuple[str, int, str]:
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or default_port, unquote(parts.path.strip("/"))
    except ValueError as error:
        raise ConfigError(f"cannot read {name}: {error}; write HOST:PORT", name) from error


def _read_secret(file: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"cannot read password file {file}: {error.strerror}", file) from error

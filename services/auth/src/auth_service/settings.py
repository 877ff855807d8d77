"""Settings: environment variables, read once at start. SETTINGS is the table of them all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from auth_service.errors import SettingsError


class Setting(NamedTuple):
    """A variable's name, its default (None: it must be given) and what it means."""

    name: str
    default: str | None
    help: str


SETTINGS = (
    Setting("LISTEN", "127.0.0.1:8001", "host:port to listen on"),
    Setting(
        "DATABASE_URL",
        "postgresql+psycopg://opsconductor@postgres:5432/auth",
        "the PostgreSQL database, without password; ?host=/folder for a Unix socket",
    ),
    Setting("DATABASE_PASSWORD_FILE", "", "file that holds the database's password; empty: none is needed"),
    Setting("REDIS_URL", "redis://redis:6379/0", "the Redis database of sessions and limits, without password"),
    Setting("REDIS_PASSWORD_FILE", "", "file that holds Redis' password; empty: none is needed"),
    Setting(
        "ADMINISTRATOR_PASSWORD_FILE",
        None,
        "file that holds the first administrator's password; made, with a random one, where it does not exist",
    ),
    Setting("ACCESS_TOKEN_S", "900", "seconds that an access token is good for"),
    Setting("REFRESH_TOKEN_IDLE_S", "28800", "seconds without a refresh after which a session ends"),
    Setting("LOGIN_RATE_PER_MINUTE", "30", "logins that one client address may try in a minute"),
    Setting("LOCK_OUT_FAILURES", "10", "failed logins of one user within LOCK_OUT_S that lock the account"),
    Setting("LOCK_OUT_S", "900", "seconds within which failures count, and for which an account stays locked"),
)


@dataclass(frozen=True)
class Settings:
    """The values, checked. URLs still hold the boxes' names; passwords are "" where none is needed."""

    listen: tuple[str, int]
    database_url: str
    database_password: str
    redis_url: str
    redis_password: str
    administrator_password_file: Path
    access_token_s: int
    refresh_token_idle_s: int
    login_rate_per_minute: int
    lock_out_failures: int
    lock_out_s: int


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of the environment; SettingsError names the variable that is missing or wrong."""
    values = {setting.name: environment.get(setting.name) or setting.default for setting in SETTINGS}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise SettingsError(f"cannot start: {missing[0]} is not set; {_describe(missing[0])}")
    given = {name: value or "" for name, value in values.items()}
    return Settings(
        listen=_read_listen(given["LISTEN"]),
        database_url=_read_url("DATABASE_URL", given["DATABASE_URL"], ("postgresql+psycopg", "postgresql")),
        database_password=_read_secret("DATABASE_PASSWORD_FILE", given["DATABASE_PASSWORD_FILE"]),
        redis_url=_read_url("REDIS_URL", given["REDIS_URL"], ("redis", "rediss", "unix")),
        redis_password=_read_secret("REDIS_PASSWORD_FILE", given["REDIS_PASSWORD_FILE"]),
        administrator_password_file=Path(given["ADMINISTRATOR_PASSWORD_FILE"]),
        access_token_s=_read_count("ACCESS_TOKEN_S", given),
        refresh_token_idle_s=_read_count("REFRESH_TOKEN_IDLE_S", given),
        login_rate_per_minute=_read_count("LOGIN_RATE_PER_MINUTE", given),
        lock_out_failures=_read_count("LOCK_OUT_FAILURES", given),
        lock_out_s=_read_count("LOCK_OUT_S", given),
    )


def _describe(name: str) -> str:
    return next(setting.help for setting in SETTINGS if setting.name == name)


def _read_listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f'cannot listen on LISTEN "{text}": write HOST:PORT, such as 127.0.0.1:8001')
    return host.strip("[]"), int(port)


def _read_url(name: str, text: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(text)
        password = parts.password
    except ValueError as error:
        raise SettingsError(f"cannot read {name}: {error}; {_describe(name)}") from error
    if parts.scheme not in schemes:
        raise SettingsError(f"cannot use {name}: it must start with {schemes[0]}://; {_describe(name)}")
    if password:
        raise SettingsError(
            f"cannot use {name}: it holds a password; put that into a file, see {name[:-4]}_PASSWORD_FILE"
        )
    return text.replace("postgresql://", "postgresql+psycopg://", 1)


def _read_secret(name: str, path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot read the file of {name}: {error}; {_describe(name)}") from error


def _read_count(name: str, given: Mapping[str, str]) -> int:
    text = given[name]
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise SettingsError(f'cannot use {name} "{text}": write a whole number above 0; {_describe(name)}')
    return int(text)

"""Settings of the three processes: environment variables, read once at start.

OPSCONDUCTOR_ADDRESSES and LOG_LEVEL are read by opsconductor_telemetry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from backend_service.errors import SettingError


@dataclass(frozen=True)
class Setting:
    """One environment variable: its name, its default as text, what it is for, and the check of its value."""

    name: str
    default: str
    help: str
    check: Callable[[str], object]


@dataclass(frozen=True)
class Settings:
    """The values of SETTINGS; durations in seconds."""

    host: str
    port: int
    database_url: str
    database_password: str | None
    redis_url: str
    redis_password: str | None
    auth_url: str
    max_body_bytes: int
    queue_max_runs: int
    requeue_after_s: float
    run_lease_s: float
    run_max_attempts: int
    run_retention_days: int
    worker_runs: int
    worker_actions: int


def parse_listen(text: str) -> tuple[str, int]:
    """`127.0.0.1:8000` or `[::1]:8000` as host and port."""
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("expected host:port, for example 127.0.0.1:8000")
    return host.strip("[]"), int(port)


def check_database_url(text: str) -> str:
    """A SQLAlchemy URL of psycopg."""
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ValueError("expected postgresql+psycopg://user@host:port/database") from error
    if url.drivername != "postgresql+psycopg":
        raise ValueError(f"expected a URL with postgresql+psycopg://, found {url.drivername}://")
    return text


def check_scheme(*schemes: str) -> Callable[[str], str]:
    """A check that a URL begins with one of the schemes."""

    def check(text: str) -> str:
        if not text.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError(f"expected a URL with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return text

    return check


def read_secret(path: str) -> str | None:
    """The secret in a file, without its final newline; None where no file is named."""
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"{error.strerror}; name a readable file or leave the variable empty") from error


def check_count(least: int, most: int) -> Callable[[str], int]:
    """A check that a value is a whole number within bounds."""

    def check(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ValueError(f"expected a whole number from {least} to {most}")
        return int(text)

    return check


def check_seconds(least: float, most: float) -> Callable[[str], float]:
    """A check that a value is a duration in seconds within bounds."""

    def check(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise ValueError(f"expected seconds from {least:g} to {most:g}")
        return value

    return check


SETTINGS = (
    Setting("LISTEN", "", "host:port that the process serves; default 127.0.0.1 and its own port", parse_listen),
    Setting(
        "DATABASE_URL",
        "postgresql+psycopg://opsconductor@postgres:5432/backend",
        "PostgreSQL database of the backend; may carry ?host=/socket/folder",
        check_database_url,
    ),
    Setting("DATABASE_PASSWORD_FILE", "", "file with the database password; empty means none", read_secret),
    Setting("REDIS_URL", "redis://redis:6379/0", "Redis of the run queue", check_scheme("redis", "rediss", "unix")),
    Setting("REDIS_PASSWORD_FILE", "", "file with the Redis password; empty means none", read_secret),
    Setting("AUTH_URL", "http://auth:8001", "auth service that checks sessions", check_scheme("http", "https")),
    Setting("MAX_BODY_BYTES", "1048576", "largest request body", check_count(1024, 1 << 30)),
    Setting("QUEUE_MAX_RUNS", "10000", "queued runs above which new ones are refused", check_count(1, 10_000_000)),
    Setting(
        "REQUEUE_AFTER_S",
        "10",
        "age after which a queued run that the stream does not hold is put into it again",
        check_seconds(0.1, 86_400),
    ),
    Setting(
        "RUN_LEASE_S",
        "15",
        "time without renewal after which a run's worker counts as dead",
        check_seconds(0.5, 3_600),
    ),
    Setting(
        "RUN_MAX_ATTEMPTS",
        "5",
        "workers that may die over one run before it fails",
        check_count(1, 1000),
    ),
    Setting("RUN_RETENTION_DAYS", "30", "days after which finished runs are deleted", check_count(1, 36_500)),
    Setting("WORKER_RUNS", "4", "runs that one worker executes at a time", check_count(1, 256)),
    Setting("WORKER_ACTIONS", "16", "actions that one worker executes at a time", check_count(1, 1024)),
)


def load_settings(environment: Mapping[str, str], listen: str) -> Settings:
    """Settings from the environment; `listen` is the process's own default of LISTEN.

    Raises SettingError that names the variable and what it should hold.
    """
    values: dict[str, object] = {}
    for setting in SETTINGS:
        text = environment.get(setting.name, "") or setting.default
        if setting.name == "LISTEN":
            text = text or listen
        try:
            values[setting.name] = setting.check(text)
        except ValueError as error:
            raise SettingError(f"cannot use {setting.name}={text!r}: {error} ({setting.help})") from error
    host, port = parse_listen(environment.get("LISTEN", "") or listen)
    del values["LISTEN"]
    named = {name.lower().removesuffix("_file"): value for name, value in values.items()}
    return Settings(host=host, port=port, **named)  # type: ignore[arg-type]  # checked by SETTINGS one by one

"""Settings: environment variables, read once at start.

OPSCONDUCTOR_ADDRESSES and LOG_LEVEL are read by opsconductor_telemetry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from frontend_service.errors import SettingError


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

    listen: tuple[str, int]
    auth_url: str
    backend_url: str
    page_timeout_s: float
    max_form_bytes: int


def parse_listen(text: str) -> tuple[str, int]:
    """`127.0.0.1:3000` or `[::1]:3000` as host and port."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("expected host:port, for example 127.0.0.1:3000")
    return host.strip("[]"), int(port)


def check_url(text: str) -> str:
    """An HTTP URL without a path."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("expected a URL with http:// or https://")
    return text.rstrip("/")


def check_seconds(text: str) -> float:
    """A duration from 0.1 to 25 s: below the 30 s that Nginx waits for a page."""
    value = float(text)
    if not 0.1 <= value <= 25:
        raise ValueError("expected seconds from 0.1 to 25")
    return value


def check_size(text: str) -> int:
    """A size in bytes from 1 KiB to 1 MiB, which is Nginx's limit."""
    if not text.isascii() or not text.isdigit() or not 1024 <= int(text) <= 1 << 20:
        raise ValueError("expected a whole number of bytes from 1024 to 1048576")
    return int(text)


SETTINGS = (
    Setting("LISTEN", "127.0.0.1:3000", "host:port that the web UI is served on", parse_listen),
    Setting("AUTH_URL", "http://auth:8001", "auth service: login and session check", check_url),
    Setting("BACKEND_URL", "http://backend:8000", "backend service: targets, jobs, runs, schedules", check_url),
    Setting("PAGE_TIMEOUT_S", "8", "time that all calls for one page may take together", check_seconds),
    Setting("MAX_FORM_BYTES", "262144", "largest form that is accepted", check_size),
)


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from the environment. Raises SettingError that names the variable and what it should hold."""
    values: dict[str, object] = {}
    for setting in SETTINGS:
        text = environment.get(setting.name, "") or setting.default
        try:
            values[setting.name.lower()] = setting.check(text)
        except ValueError as error:
            raise SettingError(f"cannot use {setting.name}={text!r}: {error} ({setting.help})") from error
    return Settings(**values)  # type: ignore[arg-type]  # checked by SETTINGS one by one

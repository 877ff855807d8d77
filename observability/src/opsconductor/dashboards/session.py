"""Who may look: one user `admin` with a generated password, and signed session cookies that survive a restart."""

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

from opsconductor.model.errors import ConfigError
from opsconductor_telemetry import get_logger

USER = "admin"
PASSWORD_BYTES = 18
SESSION_S = 24 * 3600
COOKIE = "opsconductor_dashboards"
FAILURES_ALLOWED, FAILURES_WITHIN_S = 10, 60.0
ADDRESSES_KEPT = 1000

log = get_logger(__name__)


def read_or_make_secret(path: Path) -> str:
    """The secret in the file; generated and written with mode 0600 at first. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read secret {path}: {error}; make it a readable text file") from error
    if text:
        return text
    made = secrets.token_urlsafe(PASSWORD_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_whole(path, made + "\n")
    except OSError as error:
        raise ConfigError(f"cannot write secret {path}: {error.strerror}; make its folder writable") from error
    return made


def _write_whole(path: Path, text: str) -> None:
    """Mode 0600; after a crash the file holds all of the text or what it held before."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


class Sessions:
    """Logs in and out and checks cookies.

    A cookie is "EXPIRY.NONCE.SIGNATURE"; a changed password ends all of them. `ended` is the file of those that were
    logged out before their time. Raises ConfigError where it cannot be used.
    """

    def __init__(self, password: str, key: str, ended: Path) -> None:
        self._password = _to_bytes(password)
        self._key = hashlib.sha256(f"{key}\n{password}".encode()).digest()
        self._failures: dict[str, list[float]] = {}
        self._file = ended
        try:
            self._ended = {body for body in _read_lines(ended) if not _is_over(body)}
            _write_whole(ended, "".join(f"{body}\n" for body in sorted(self._ended)))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot use {ended}: {error}; make it readable and its folder writable") from error

    def is_throttled(self, address: str) -> bool:
        """Whether too many log-ins from this address failed within the last minute."""
        since = time.monotonic() - FAILURES_WITHIN_S
        return sum(at > since for at in self._failures.get(address, ())) >= FAILURES_ALLOWED

    def log_in(self, user: str, password: str, address: str) -> str | None:
        """A cookie's value, or None where user or password is wrong."""
        right = hmac.compare_digest(_to_bytes(password), self._password)
        if user != USER or not right:
            self._note_failure(address)
            return None
        body = f"{int(time.time()) + SESSION_S}.{secrets.token_hex(8)}"
        return f"{body}.{self._sign(body)}"

    def _note_failure(self, address: str) -> None:
        times = self._failures.pop(address, [])
        self._failures[address] = [*times, time.monotonic()][-FAILURES_ALLOWED:]
        while len(self._failures) > ADDRESSES_KEPT:
            del self._failures[next(iter(self._failures))]

    def is_valid(self, cookie: str) -> bool:
        """Whether the cookie is ours and not over."""
        body, _, signature = cookie.rpartition(".")
        signed = hmac.compare_digest(_to_bytes(signature), self._sign(body).encode())
        return signed and body not in self._ended and not _is_over(body)

    def log_out(self, cookie: str) -> None:
        """End the cookie's session; one that is not valid has none."""
        if not self.is_valid(cookie):
            return
        body = cookie.rpartition(".")[0]
        self._ended.add(body)
        try:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"{body}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log.warning("log-out not stored", reason=str(error), consequence="a restart brings the session back")

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, _to_bytes(body), hashlib.sha256).hexdigest()


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _is_over(body: str) -> bool:
    expiry = body.partition(".")[0]
    return not expiry.isdecimal() or int(expiry) <= time.time()


def _to_bytes(text: str) -> bytes:
    """What a request holds may be half a surrogate pair, which has no UTF-8."""
    return text.encode("utf-8", "surrogatepass")

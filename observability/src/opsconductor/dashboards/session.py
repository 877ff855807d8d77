"""Who may look: one user `admin` with a generated password, and signed session cookies that survive a restart."""

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

from opsconductor.model.errors import ConfigError

USER = "admin"
PASSWORD_BYTES = 18
SESSION_S = 24 * 3600
COOKIE = "opsconductor_dashboards"
FAILURES_ALLOWED, FAILURES_WITHIN_S = 10, 60.0


def read_or_make_secret(path: Path) -> str:
    """The secret in the file; generated and written with mode 0600 at first. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise ConfigError(f"cannot read secret {path}: {error.strerror}", str(path)) from error
    if text:
        return text
    made = secrets.token_urlsafe(PASSWORD_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(made + "\n")
    except OSError as error:
        raise ConfigError(
            f"cannot write secret {path}: {error.strerror}; make its folder writable", str(path)
        ) from error
    return made


class Sessions:
    """Logs in and checks cookies. A cookie is "EXPIRY.NONCE.SIGNATURE"; a changed password ends all of them."""

    def __init__(self, password: str, key: str) -> None:
        self._password = password
        self._key = hashlib.sha256(f"{key}\n{password}".encode()).digest()
        self._failures: list[float] = []

    def is_throttled(self) -> bool:
        """Whether too many log-ins failed within the last minute."""
        since = time.monotonic() - FAILURES_WITHIN_S
        self._failures = [at for at in self._failures if at > since]
        return len(self._failures) >= FAILURES_ALLOWED

    def log_in(self, user: str, password: str) -> str | None:
        """A cookie's value, or None where user or password is wrong."""
        right = hmac.compare_digest(password.encode(), self._password.encode())
        if user != USER or not right:
            self._failures.append(time.monotonic())
            return None
        body = f"{int(time.time()) + SESSION_S}.{secrets.token_hex(8)}"
        return f"{body}.{self._sign(body)}"

    def is_valid(self, cookie: str) -> bool:
        """Whether the cookie is ours and not over."""
        body, _, signature = cookie.rpartition(".")
        expiry = body.partition(".")[0]
        signed = hmac.compare_digest(signature.encode(), self._sign(body).encode())
        return signed and expiry.isdigit() and int(expiry) > time.time()

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()

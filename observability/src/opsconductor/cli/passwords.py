"""Passwords: generated at first start, one a file, readable by their owner alone."""

import os
import secrets
from pathlib import Path

from opsconductor.cli.home import Home

ADMINISTRATOR = "administrator-password"
POSTGRES = "postgres-password"
REDIS = "redis-password"
DASHBOARDS = "dashboards-password"
LENGTH = 24


def ensure_password(home: Home, name: str) -> Path:
    """The file of that password below secrets/, made with a random one when there is none yet.

    Linked into place when complete, so that neither a full disk nor a second starter leaves half a password.
    """
    path = home.secrets / name
    if path.exists():
        return path
    draft = home.secrets / f".{name}-{os.getpid()}"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(LENGTH)[:LENGTH] + "\n")
        os.link(draft, path)
    except FileExistsError:
        return path
    finally:
        draft.unlink(missing_ok=True)
    return path


def read_password(path: Path) -> str:
    """The password of that file, without the line's end."""
    return path.read_text().strip()

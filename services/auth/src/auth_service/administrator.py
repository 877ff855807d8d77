"""The first administrator, made at first start."""

import os
import secrets
from pathlib import Path

from sqlalchemy.orm import Session

from auth_service.errors import SettingsError
from auth_service.passwords import hash_password
from auth_service.roles import Role
from auth_service.users import add_user, count_users
from opsconductor_telemetry import get_logger

USERNAME = "admin"
PASSWORD_BYTES = 18
"""Random bytes of a generated password: 24 characters."""

log = get_logger(__name__)


def create_administrator(session: Session, password_file: Path) -> None:
    """Create the user `admin` where there is no user at all; the caller holds the start's lock.

    Its password is the file's; where the file does not exist it is made (mode 0600) with a random one.
    SettingsError when the file cannot be read or written, or is empty.
    """
    if count_users(session):
        return
    password, generated = read_password(password_file)
    add_user(session, USERNAME, hash_password(password), Role.ADMINISTRATOR)
    log.info("user created", **{"user.name": USERNAME, "user.role": Role.ADMINISTRATOR, "generated": generated})


def read_password(path: Path) -> tuple[str, bool]:
    """The file's password, and whether it was made now."""
    try:
        if not path.exists():
            write_password(path, secrets.token_urlsafe(PASSWORD_BYTES))
            return path.read_text().strip(), True
        password = path.read_text().strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot use ADMINISTRATOR_PASSWORD_FILE: {error}") from error
    if not password:
        raise SettingsError(f"cannot use ADMINISTRATOR_PASSWORD_FILE: {path} is empty; write a password or remove it")
    return password, False


def write_password(path: Path, password: str) -> None:
    """Make the file whole or not at all, durably, before the user that it belongs to is committed."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        file.write(password + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)

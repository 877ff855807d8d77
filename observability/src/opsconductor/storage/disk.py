"""Durable files: write, fsync, rename, fsync the folder; exclusive locks; free space."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opsconductor.model.errors import OpsConductorError, UnavailableError


class CorruptionError(OpsConductorError):
    """Stored bytes are not what was written. Nothing is deleted; the message names the file."""


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(path: Path) -> None:
    """Create a folder and its parents, durably; an existing one is left alone."""
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(exist_ok=True)
    sync_directory(path.parent)


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that after a crash it is there as a whole or not at all. Replaces an existing one."""
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def free_bytes(path: Path) -> int:
    """Bytes that an unprivileged process may still write on the path's file system."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def lock_file(path: Path, purpose: str) -> int:
    """Take a lock that dies with the process; the handle to close. Raises UnavailableError when another holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise UnavailableError(
            f"cannot {purpose}: process {owner} already does ({path}); stop it first or use another data folder"
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Wait for a lock and hold it for the block."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

"""Leases: a reader names the manifest version it uses, so that the version's files stay until it is done.

A lease is an empty file <data>/leases/<version>.<pid>.<start of the process>.<number>; it counts while that process
lives and until it is older than the bound. Its name says everything, so that it is made and read atomically.
"""

import itertools
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from opsconductor.storage.disk import make_directory
from opsconductor.storage.layout import leases_directory
from opsconductor.storage.manifest import Manifest, latest_version, load_manifest

_numbers = itertools.count(1)


def process_start(pid: int) -> str | None:
    """When a process started, in clock ticks since boot; None when it is gone. Tells a reused pid from its owner."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]


@cache
def _own_start(pid: int) -> str:
    return process_start(pid) or "0"


@dataclass(frozen=True)
class Lease:
    """A held lease. release() is safe to call twice."""

    path: Path
    version: int

    def release(self) -> None:
        """Give the version's files free."""
        self.path.unlink(missing_ok=True)


def acquire_lease(data: Path, known: Manifest | None = None) -> tuple[Manifest, Lease]:
    """The newest manifest and a lease on it. `known` is a version already read, to save reading it again.

    The lease is made before the version is confirmed to be still the newest, so whoever publishes a newer one
    and then looks for leases sees it.
    """
    pid = os.getpid()
    while True:
        version = latest_version(data)
        path = leases_directory(data) / f"{version}.{pid}.{_own_start(pid)}.{next(_numbers)}"
        try:
            path.touch()
        except FileNotFoundError:
            make_directory(path.parent)
            continue
        if latest_version(data) == version:
            manifest = known if known and known.version == version else load_manifest(data)
            if manifest.version == version:
                return manifest, Lease(path, version)
        path.unlink()


def oldest_lease(data: Path, ttl_ns: int) -> int | None:
    """The lowest version that a live lease names, None without any; leases of dead processes are removed."""
    directory = leases_directory(data)
    versions = []
    for path in directory.iterdir() if directory.is_dir() else ():
        fields = path.name.split(".")
        if len(fields) != 4 or not fields[0].isdigit() or not fields[1].isdigit():
            continue
        with suppress(FileNotFoundError):
            expired = time.time_ns() - path.stat().st_mtime_ns > ttl_ns
            if expired or process_start(int(fields[1])) != fields[2]:
                path.unlink()
            else:
                versions.append(int(fields[0]))
    return min(versions, default=None)

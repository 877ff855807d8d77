"""Where rotated content went: the folder's other files, by inode, by name and by content.

Rotation by rename keeps the inode; copytruncate leaves a copy with the same head and the same bytes before the
offset; generations that came and went between two looks have a rotated name that nobody knows yet.
"""

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from opsconductor.collector.identity import digest_head, read_head
from opsconductor.collector.source import Source

_ROTATED = re.compile(r"[.-]\d[\d.:T_-]*")
"""What rotation puts behind a name: .1, -20260102, .2026-01-02_03. Compressed files are not read."""


@dataclass(frozen=True)
class Neighbour:
    """A regular file of a folder, as it was listed."""

    path: str
    device: int
    inode: int
    size: int
    modified: int


def list_folder(folder: str) -> list[Neighbour] | None:
    """The folder's regular files; None where it cannot be listed."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    state = entry.stat()
                except OSError:
                    continue
                if stat.S_ISREG(state.st_mode):
                    found.append(Neighbour(entry.path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns))
    except OSError:
        return None
    return found


def is_rotated_name(path: str, original: str) -> bool:
    """Whether the path is what rotation calls a former `original`."""
    return path.startswith(original) and _ROTATED.fullmatch(path, len(original)) is not None


def open_verified(neighbour: Neighbour, source: Source) -> int | None:
    """A descriptor of the file if it holds the source's content up to where that was read; else None."""
    descriptor = open_regular(neighbour.path)
    if descriptor is None:
        return None
    head = read_head(descriptor)
    if head is not None and digest_head(head) == source.identity.head and holds_content(descriptor, source):
        return descriptor
    os.close(descriptor)
    return None


def open_regular(path: str) -> int | None:
    """A descriptor of a regular file; None where it cannot be had."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def holds_content(descriptor: int, source: Source) -> bool:
    """Whether the file reaches as far as was read and has the same bytes before that."""
    if os.fstat(descriptor).st_size < source.read:
        return False
    anchor = source.read_anchor
    return os.pread(descriptor, len(anchor), source.read - len(anchor)) == anchor


def find_copy(neighbours: Iterable[Neighbour], source: Source) -> tuple[Neighbour, int] | None:
    """The copy that copytruncate left of a source's content, and a descriptor of it."""
    original = os.path.realpath(source.position.path)
    for neighbour in neighbours:
        if is_rotated_name(neighbour.path, original) and neighbour.size >= max(source.read, 1):
            descriptor = open_verified(neighbour, source)
            if descriptor is not None:
                return neighbour, descriptor
    return None

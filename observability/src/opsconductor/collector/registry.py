"""Every file that the collector knows: found by globs, followed through renames, truncation, copies and deletion."""

import os
import time
from pathlib import Path

from opsconductor.collector.config import Target
from opsconductor.collector.discovery import find_paths
from opsconductor.collector.identity import Identity, digest_head, read_head
from opsconductor.collector.rotation import (
    Neighbour,
    find_copy,
    holds_content,
    is_rotated_name,
    list_folder,
    open_regular,
    open_verified,
)
from opsconductor.collector.source import Position, Source
from opsconductor.collector.tail import Tail, read_anchor
from opsconductor.model.paths import unmap_path
from opsconductor_telemetry import get_logger

FORGET_S = 3600
"""How long a file that is nowhere to be found stays known."""

CLOCK_SLACK_NS = 20_000_000
"""Files carry times of a coarser clock than ours."""

log = get_logger(__name__)


class Registry:
    """Sources by id; the open ones also by the device and inode of the file that is open.

    original: real path → offset of the original's positions file, used for files met at the first scan only.
    scanned: when the globs were last read, ns since 1970; before the first time ever, when the collector started.
    suspects_rotation: the next scan looks for moved content; has_new: files were met that are not saved yet.
    """

    def __init__(
        self, targets: tuple[Target, ...], sources: dict[str, Source], original: dict[str, int], scanned: int = 0
    ) -> None:
        self._targets = targets
        self._by_key = {target.key: target for target in targets}
        self._original = original
        self._open: dict[tuple[int, int], Source] = {}
        self._refused: set[str] = set()
        self._just_met: set[str] = set()
        self.scanned = scanned or time.time_ns()
        self.sources = sources
        self.suspects_rotation = True
        self.has_new = False

    def open_sources(self) -> list[Source]:
        """Sources whose file is open, in the order in which they were opened."""
        return list(self._open.values())

    def scan(self) -> None:
        """Look for new files; while rotation is suspected also for where known content went."""
        started = time.time_ns()
        for path, target in find_paths(self._targets):
            self._meet(path, target)
        self._original = {}
        if self.suspects_rotation:
            self.suspects_rotation = False
            self._recover()
            self._just_met.clear()
        self.scanned = started

    def watch(self) -> None:
        """Notice open files that are no longer under their name."""
        for source in self._open.values():
            if not source.draining and not _is_at(source.name, source):
                source.draining = True
                self.suspects_rotation = True

    def close(self, source: Source) -> None:
        """Close the file; its position stays known."""
        for key, opened in list(self._open.items()):
            if opened is source:
                del self._open[key]
        source.close()
        self.suspects_rotation = True

    def reopen(self, source: Source) -> bool:
        """Open a known file again, wherever its content is now; whether it is open."""
        if source.tail is None:
            found = self._locate(source, list_folder(_find_folder(source)) or [])
            if found is not None:
                neighbour, descriptor = found
                self._start(source, descriptor, read_head(descriptor) or b"", neighbour.path, draining=True)
        return source.tail is not None

    def _meet(self, path: str, target: Target) -> None:
        try:
            state = Path(path).stat()
        except OSError:
            return
        source = self._open.get((state.st_dev, state.st_ino))
        if source is not None:
            self._see(source, path, state.st_ino)
            return
        descriptor = open_regular(path)
        if descriptor is None:
            self._refuse(path)
            return
        head = read_head(descriptor)
        if head is None:
            os.close(descriptor)  # its first line is not complete yet
            return
        source = self._identify(descriptor, head, path, target)
        self._start(source, descriptor, head, path, draining=False)

    @staticmethod
    def _see(source: Source, path: str, inode: int) -> None:
        """The open file is at this path now, which matters where its own path has gone."""
        if source.draining and path == source.position.path and inode == source.identity.inode:
            source.draining = False
        if not source.draining and not _is_at(source.name, source):
            source.name = path

    def _refuse(self, path: str) -> None:
        if path not in self._refused and Path(path).is_file():
            self._refused.add(path)
            log.error("cannot read file: let the collector's user read it", **{"file.path": path})

    def _identify(self, descriptor: int, head: bytes, path: str, target: Target) -> Source:
        """The known source that the file is, or a new one; the same head with other content is a new generation."""
        state = os.fstat(descriptor)
        identity = Identity(state.st_dev, state.st_ino, digest_head(head))
        while True:
            known = self.sources.get(identity.id)
            if known is None:
                break
            if known.tail is None and holds_content(descriptor, known):
                return known
            identity = Identity(identity.device, identity.inode, identity.head, identity.generation + 1)
        offset = self._original.get(path, 0)
        offset = offset if offset <= state.st_size else 0
        anchor = read_anchor(descriptor, offset)
        # Where nothing was known under this path, what was rotated away since the last scan is new as well.
        modified = min(state.st_mtime_ns, self.scanned - CLOCK_SLACK_NS)
        position = Position(path, target.key, offset, offset, anchor=anchor, modified=modified)
        source = self.sources[identity.id] = Source(identity, position)
        self._just_met.add(source.id)
        self.has_new = self.suspects_rotation = True
        return source

    def _start(self, source: Source, descriptor: int, head: bytes, name: str, draining: bool) -> None:
        state = os.fstat(descriptor)
        target = self._by_key[source.position.target]
        source.tail = Tail(descriptor, source.read, source.read_anchor, head)
        source.name, source.draining, source.idle_since = name, draining, 0.0
        source.position.missing = 0.0
        if source.target is not target:
            source.target, source.pipeline = target, target.pipeline.fork()
            source.labels = {**target.labels, "filename": unmap_path(source.position.path)}
        self._open[state.st_dev, state.st_ino] = source

    def _recover(self) -> None:
        """Open what was rotated away and is not read to its end; forget what is nowhere."""
        for folder, sources in self._group_moved().items():
            neighbours = list_folder(folder)
            for source in sources:
                if source.tail is None:
                    self._find_again(source, neighbours)
            if neighbours is not None:
                self._meet_rotated(sources, neighbours)

    def _group_moved(self) -> dict[str, list[Source]]:
        """Sources that are not under their own path, and those just met, by folder."""
        groups: dict[str, list[Source]] = {}
        for source in list(self.sources.values()):
            if source.position.target not in self._by_key:
                self._miss(source)  # its job has left the configuration
                continue
            if source.tail is None or source.draining or source.id in self._just_met:
                groups.setdefault(_find_folder(source), []).append(source)
        return groups

    def _find_again(self, source: Source, neighbours: list[Neighbour] | None) -> None:
        found = self._locate(source, neighbours or [])
        if found is None:
            self._miss(source)
            return
        neighbour, descriptor = found
        source.position.missing = 0.0
        if neighbour.size > source.read:
            self._start(source, descriptor, read_head(descriptor) or b"", neighbour.path, draining=True)
        else:
            os.close(descriptor)

    def _locate(self, source: Source, neighbours: list[Neighbour]) -> tuple[Neighbour, int] | None:
        """Where the closed source's content is now, and a descriptor of it: under another name, or in a copy."""
        unopened = [item for item in neighbours if (item.device, item.inode) not in self._open]
        for neighbour in unopened:
            if (neighbour.device, neighbour.inode) == (source.identity.device, source.identity.inode):
                descriptor = open_verified(neighbour, source)
                if descriptor is not None:
                    return neighbour, descriptor
        return find_copy(unopened, source)

    def _miss(self, source: Source) -> None:
        position = source.position
        position.missing = position.missing or time.time()
        if time.time() - position.missing > FORGET_S and not source.pending:
            del self.sources[source.id]

    def _meet_rotated(self, moved: list[Source], neighbours: list[Neighbour]) -> None:
        """Read rotated files that nobody has met and that are younger than what was known under the same path."""
        for path in {source.position.path for source in moved}:
            known = [source for source in self.sources.values() if source.position.path == path]
            since = min(source.position.modified for source in known)
            heads = {source.identity.head for source in known}
            for neighbour in neighbours:
                if (neighbour.device, neighbour.inode) in self._open:
                    continue
                if neighbour.modified >= since and is_rotated_name(neighbour.path, os.path.realpath(path)):
                    self._meet_unknown(neighbour, path, heads)

    def _meet_unknown(self, neighbour: Neighbour, path: str, heads: set[str]) -> None:
        descriptor = open_regular(neighbour.path)
        if descriptor is None:
            return
        head = read_head(descriptor)
        if head is None or digest_head(head) in heads:  # known, or a copy of what is known
            os.close(descriptor)
            return
        target = next(source.position.target for source in self.sources.values() if source.position.path == path)
        source = self._identify(descriptor, head, path, self._by_key[target])
        self._start(source, descriptor, head, neighbour.path, draining=True)


def _find_folder(source: Source) -> str:
    """The real folder in which the source's file was written and is rotated."""
    return str(Path(os.path.realpath(source.position.path)).parent)


def _is_at(path: str, source: Source) -> bool:
    """Whether the source's open file is the one under the path."""
    if source.tail is None:
        return False
    try:
        state = Path(path).stat()
    except OSError:
        return False
    opened = source.tail.stat()
    return (state.st_dev, state.st_ino) == (opened.st_dev, opened.st_ino)

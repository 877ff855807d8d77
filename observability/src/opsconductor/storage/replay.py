"""What a writer finds at its start: cut a torn tail, keep damaged bytes aside, rebuild the committed ends."""

import logging
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from opsconductor.storage.committed import CommittedWriter, Position
from opsconductor.storage.frame import ALIGNMENT, Damage, Frame
from opsconductor.storage.layout import list_wal_files, wal_directory, wal_path
from opsconductor.storage.manifest import Manifest
from opsconductor.storage.quarantine import quarantine_bytes
from opsconductor.storage.sources import SourceTable
from opsconductor.storage.walfile import MappedFile, map_file, walk_file

log = logging.getLogger(__name__)


@dataclass
class Recovered:
    """State after the last durable frame.

    backlog: (last sequence, bytes) of each frame that waits for the compactor, ascending.
    newest: the newest time by tenant over segments and frames, ns.
    """

    next_sequence: int
    sources: SourceTable
    backlog: deque[tuple[int, int]]
    newest: dict[str, int]


def recover_wal(data: Path, manifest: Manifest, committed: CommittedWriter) -> Recovered:
    """Read the WAL above the low-watermark and publish how far it is good. Raises OSError.

    Complete frames beyond the published position are kept: their writer died before it could acknowledge them.
    """
    for leftover in wal_directory(data).glob("*.wal.tmp"):
        leftover.unlink()
    state = Recovered(manifest.low_watermark + 1, SourceTable(manifest.sources), deque(), {})
    for segment in manifest.segments:
        state.newest[segment.tenant] = max(segment.max_time, state.newest.get(segment.tenant, segment.max_time))
    files = list_wal_files(data)
    published = committed.position
    if published:
        # Damage may have eaten the last acknowledged frames: their numbers are not given again.
        state.next_sequence = max(state.next_sequence, published.last_sequence + 1)
    for first, following in zip(files, [*files[1:], None], strict=False):
        if following is None or following > manifest.low_watermark + 1:
            good = _recover_file(data, first, following, manifest.low_watermark, published, state)
            if following is None:
                committed.publish(Position(first, good, state.next_sequence - 1))
    return state


def _recover_file(
    data: Path, first: int, limit: int | None, low: int, published: Position | None, state: Recovered
) -> int:
    """Take a file's frames into the state; returns the length up to which it counts."""
    path = wal_path(data, first)
    mapped = map_file(path)
    good = ALIGNMENT
    damage: Damage | None = None
    for item in walk_file(mapped, 0, first, limit):
        if isinstance(item, Damage):
            damage = item
            continue
        if damage and item.sequence > low + 1:
            _quarantine(data, first, mapped, damage)
        damage = None
        good = item.end
        if item.last_sequence > low:
            _take_frame(item, state)
    if damage:
        acknowledged = published.length if published and published.first == first else 0
        if limit is not None or damage.start < acknowledged:
            _quarantine(data, first, mapped, damage)
        else:
            _cut_tail(path, good)
    if limit is None:
        _sync_file(path)
    return good


def _take_frame(frame: Frame, state: Recovered) -> None:
    state.next_sequence = max(state.next_sequence, frame.last_sequence + 1)
    state.backlog.append((frame.last_sequence, frame.size))
    for name, _, end, _ in frame.metadata["sources"]:
        state.sources.move(frame.tenant, name, end, frame.written_ns)
    newest = frame.metadata["max"]
    if newest is not None:
        state.newest[frame.tenant] = max(newest, state.newest.get(frame.tenant, newest))


def _quarantine(data: Path, first: int, mapped: MappedFile, damage: Damage) -> None:
    content = mapped.buffer.slice(damage.start, damage.end - damage.start).to_pybytes()
    quarantine_bytes(data, first, damage.start, content)


def _cut_tail(path: Path, good: int) -> None:
    size = path.stat().st_size
    log.warning(
        "cut a torn write from the end of the write-ahead log; it was never acknowledged",
        extra={"file": str(path), "offset": good, "bytes": size - good},
    )
    os.truncate(path, good)


def _sync_file(path: Path) -> None:
    """Complete frames that were never acknowledged count from now on, so they must be durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""The head: committed frames of the write-ahead log above the low-watermark, mapped without a copy."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from opsconductor.storage.committed import CommittedReader
from opsconductor.storage.frame import KIND_ROWS, Damage, Frame
from opsconductor.storage.layout import committed_path, list_wal_files, wal_path
from opsconductor.storage.walfile import MappedFile, map_file, walk_file

DamageReport = Callable[[int, int, bytes], object]
"""Called with (first sequence of the WAL file, offset, the bytes) of a damaged range that is not consumed."""


@dataclass
class _FileState:
    expected: int
    offset: int = 0
    finished: bool = False


class Head:
    """Keeps what it mapped and on refresh() adds what was committed since. Not thread-safe.

    frames: in order of sequence. The frames and batches stay valid for as long as the caller holds them.
    """

    def __init__(self, data: Path, schema: pa.Schema, on_damage: DamageReport | None = None) -> None:
        self._data = data
        self._schema = schema
        self._on_damage = on_damage
        self._committed = CommittedReader(committed_path(data))
        self._files: dict[int, _FileState] = {}
        self._batches: dict[int, pa.RecordBatch] = {}
        self.frames: list[Frame] = []
        self.size = 0

    def last_sequence(self) -> int:
        """The last committed sequence, 0 before the first; cheap, and needs no refresh()."""
        position = self._committed.read()
        return position.last_sequence if position else 0

    def refresh(self, low_watermark: int, max_bytes: int | None = None) -> int:
        """Drop frames up to the low-watermark, map newly committed ones; returns the last committed sequence.

        max_bytes: stop once that many bytes are mapped (a later call goes on), so that a compactor that fell behind
        stays small. The caller holds a lease on the manifest that the low-watermark is of, or is the compactor.
        """
        if self.frames and self.frames[0].last_sequence <= low_watermark:
            self.frames = [frame for frame in self.frames if frame.last_sequence > low_watermark]
            self._batches = {number: batch for number, batch in self._batches.items() if number > low_watermark}
            self.size = sum(frame.size for frame in self.frames)
        position = self._committed.read()
        if position is None:
            return 0
        files = [first for first in list_wal_files(self._data) if first <= position.first]
        self._files = {first: state for first, state in self._files.items() if first in files}
        for first, following in zip(files, [*files[1:], None], strict=False):
            if max_bytes is not None and self.size >= max_bytes:
                break
            if following is None or following > low_watermark + 1:
                length = position.length if first == position.first else None
                self._read(first, following, length, low_watermark, max_bytes)
        return position.last_sequence

    def batch(self, frame: Frame) -> pa.RecordBatch:
        """A frame's rows with their sequence numbers, decoded once."""
        batch = self._batches.get(frame.sequence)
        if batch is None:
            batch = self._batches[frame.sequence] = frame.decode(self._schema)
        return batch

    def _read(self, first: int, limit: int | None, length: int | None, low: int, max_bytes: int | None) -> None:
        state = self._files.get(first)
        if state and (state.finished or (length is not None and state.offset >= length)):
            return
        mapped = map_file(wal_path(self._data, first), length)
        if state is None:
            state = self._files[first] = _FileState(first)
        damage: Damage | None = None
        for item in walk_file(mapped, state.offset, state.expected, limit):
            if isinstance(item, Damage):
                damage = item
                continue
            if damage and item.sequence > low + 1:
                self._report(first, mapped, damage)
            damage = None
            state.offset, state.expected = item.end, item.last_sequence + 1
            if item.last_sequence > low and item.kind == KIND_ROWS:
                self.frames.append(item)
                self.size += item.size
                if max_bytes is not None and self.size >= max_bytes:
                    return
        if damage and (limit is None or limit > low + 1):
            self._report(first, mapped, damage)
        state.offset = mapped.size
        state.finished = limit is not None

    def _report(self, first: int, mapped: MappedFile, damage: Damage) -> None:
        if self._on_damage:
            content = mapped.buffer.slice(damage.start, damage.end - damage.start).to_pybytes()
            self._on_damage(first, damage.start, content)

"""One client's flow from files to sealed batches, and back from the store's answers to positions.

Synchronous and without a clock of its own: `shipper` calls it, tests drive it step by step. The order of steps is
what keeps every line exactly once: lines are read into a batch; `take` seals it; it is journalled, then pushed; the
store's answer moves positions; those are saved. A crash between any two of them is met by `__init__`, which finds
the journalled batch again, and by the store, which knows how far each file is committed.
"""

from collections import deque
from dataclasses import replace
from pathlib import Path

from opsconductor.collector.batch import SOURCES_MAX, Batch, Record
from opsconductor.collector.config import Client, CollectorConfig
from opsconductor.collector.figures import Figures
from opsconductor.collector.journal import Journal
from opsconductor.collector.positions import (
    Positions,
    format_positions,
    load_positions,
    read_original,
    save_atomically,
)
from opsconductor.collector.reader import SourceReader
from opsconductor.collector.registry import Registry
from opsconductor.collector.source import Source
from opsconductor.collector.tail import FileTruncatedError, read_anchor
from opsconductor_telemetry import get_logger

GRACE_S = 30.0
"""How long a file that was renamed or deleted may be idle before it is closed: its writer may still hold it."""

DELETED_BYTES_MAX = 1 << 30
"""Unread bytes of deleted files that are kept alive by holding them open; beyond, the oldest is given up."""

log = get_logger(__name__)


class Flow:
    """Files, batch, journal and positions of one client.

    folder: the client's state; created. in_flight: the batch without an answer; after a crash the journalled one.
    Raises ConfigError or OSError where the state cannot be read.
    """

    def __init__(self, config: CollectorConfig, client: Client, folder: Path, figures: Figures) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.client, self._figures, self._folder = client, figures, folder
        self._label = client.figure_labels
        self.journal = Journal(folder / "journal")
        saved = load_positions(folder / "positions.json")
        original = read_original(config.positions) if saved is None else {}
        positions = saved or Positions()
        self._sequence = self._answered = positions.sequence
        self.registry = Registry(config.targets, positions.sources, original, positions.scanned)
        record = self.journal.read()
        self.in_flight = record if record and record.sequence > self._sequence else None
        if self.in_flight:
            self._sequence = self.in_flight.sequence
            self._skip(self.in_flight)
        self._reader = SourceReader(config.limits, client, figures)
        self._batch = Batch(client.external_labels)
        self._turns: deque[Source] = deque()

    def close(self) -> None:
        """Close every file; what is not acknowledged will be read again."""
        for source in self.registry.open_sources():
            source.close()
        self.journal.close()

    @property
    def full(self) -> bool:
        """Whether the batch takes no more lines until it is sealed."""
        return self._batch.size >= self.client.batchsize or len(self._batch.ranges) >= SOURCES_MAX

    def scan(self, thorough: bool) -> None:
        """Find new files; thorough: look for rotated ones too, though nothing hints at them."""
        if thorough:
            self.registry.suspects_rotation = True
        self.registry.scan()
        self._limit_deleted()

    def watch(self) -> None:
        """Notice renames and deletions at once."""
        self.registry.watch()
        if self.registry.suspects_rotation:
            self.registry.scan()

    def start_turn(self) -> None:
        """Begin a round over the open files; those that a full batch kept waiting come first."""
        waiting = {id(source) for source in self._turns}
        self._turns.extend(source for source in self.registry.open_sources() if id(source) not in waiting)

    def read_next(self, now: float) -> bool | None:
        """Read a block of the next file of the round. Whether there was one; None at the round's end or when full."""
        if self.full or not self._turns:
            return None
        source = self._turns.popleft()
        if source.tail is None:
            return False
        try:
            return self._read(source, now)
        except FileTruncatedError:
            self._reader.let_go(source, self._batch, now)
            self.registry.close(source)
            return True
        except OSError as error:
            log.error("cannot read file: trying again", **{"file.path": source.name}, reason=str(error))
            self.registry.close(source)
            return False

    def is_due(self, now: float, idle: bool) -> bool:
        """Whether the batch should be sealed: full, old enough, or nothing else to read. Never while one is out."""
        if self.in_flight is not None or not self._batch.entries:
            return False
        return idle or self.full or now - self._batch.born >= self.client.batchwait

    def take(self) -> Record:
        """Seal the batch; it is in flight until an answer is given to it."""
        self._sequence += 1
        record = self._batch.seal(self._sequence)
        for item in record.ranges:
            source = self.registry.sources[item.id]
            source.range_start, source.position.gap = item.end, False
        self._batch = Batch(self.client.external_labels)
        self.in_flight = record
        self._figures.encoded_bytes.add(len(record.body), *self._label)
        return record

    def settle(self) -> None:
        """Move the positions of files whose lines were all dropped, if no other line waits."""
        if self.in_flight is not None or self._batch.entries:
            return
        for item in self._batch.ranges.values():
            position = self.registry.sources[item.id].position
            position.offset, position.anchor = item.end, item.anchor
        self._batch.ranges.clear()

    def acknowledge(self, record: Record, known_to_store: bool = True) -> None:
        """The store took the batch, or refused it for good: its lines are done.

        known_to_store: False where the store's committed offsets did not move with it, so that the next range of
        each file has to say that it leaves a gap.
        """
        for item in record.ranges:
            source = self.registry.sources.get(item.id)
            if source is None:
                continue  # the positions were lost; the store will say how far the file is committed
            position = source.position
            position.offset = position.committed = item.end
            position.anchor = item.anchor
            position.gap = position.gap or not known_to_store
        self._answered, self.in_flight = record.sequence, None

    def resolve(self, record: Record, committed: dict[str, int], give_up: bool = False) -> Record | None:
        """The store holds other offsets than the batch continues: go back to them and read again.

        None where that is done. Where the bytes are not there any more (or going back did not help: give_up), the
        batch as it must be sent: without its ranges, so that the store compares entries instead.
        """
        sources = [self.registry.sources.get(item.id) for item in record.ranges]
        sources += [self.registry.sources.get(key) for key in self._batch.ranges]
        if give_up or not all(source and self._can_read(source, committed.get(source.id)) for source in sources):
            self.in_flight = replace(record, bare=True)
            return self.in_flight
        for key, end in committed.items():
            source = self.registry.sources.get(key)
            if source is not None and source.tail is not None:
                source.position.offset = source.position.committed = end
                source.position.anchor = read_anchor(source.tail.descriptor, end)
        self._batch = Batch(self.client.external_labels)
        self._turns.clear()
        for source in self.registry.sources.values():
            source.rewind()
        self._answered, self.in_flight = record.sequence, None
        return None

    @property
    def must_save(self) -> bool:
        """Whether positions must be saved before a batch is journalled.

        A file that only the journal knows would not be recognised where its content went meanwhile.
        """
        return self.registry.has_new

    def format_positions(self) -> bytes:
        """What `save_positions` writes: taken at once, written in another thread."""
        self.registry.has_new = False
        return format_positions(Positions(self._answered, self.registry.sources, self.registry.scanned))

    def save_positions(self, content: bytes) -> None:
        """Write the positions durably. Raises OSError."""
        save_atomically(self._folder / "positions.json", content)

    def _can_read(self, source: Source, committed: int | None) -> bool:
        """Whether the file still holds everything from the committed offset, or from the position, on."""
        if not self.registry.reopen(source) or source.tail is None:
            return False
        return (source.position.offset if committed is None else committed) <= source.tail.stat().st_size

    def _skip(self, record: Record) -> None:
        """What the record covers is not read a second time."""
        for item in record.ranges:
            source = self.registry.sources.get(item.id)
            if source is not None:
                source.read, source.read_anchor, source.range_start = item.end, item.anchor, item.end
                source.position.gap = False

    def _read(self, source: Source, now: float) -> bool:
        if self._reader.read(source, self._batch, now):
            source.idle_since = 0.0
            return True
        if not source.draining:
            return False
        source.idle_since = source.idle_since or now
        if now - source.idle_since < GRACE_S:
            return False
        if self._reader.read_rest(source, self._batch, now):
            return True
        if not source.pending:
            self.registry.close(source)
        return False

    def _limit_deleted(self) -> None:
        deleted = [
            source for source in self.registry.open_sources() if source.tail and source.tail.stat().st_nlink == 0
        ]
        unread = [source.tail.stat().st_size - source.read for source in deleted if source.tail]
        while sum(unread) > DELETED_BYTES_MAX:
            source, size = deleted.pop(0), unread.pop(0)
            log.error("lines lost: a file was deleted before it was read", **{"file.path": source.name}, bytes=size)
            self._figures.lost_bytes.add(size, *self._label)
            self.registry.close(source)

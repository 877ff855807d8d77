"""From a source's next block to entries in a batch, with the range that they come from."""

import time

from opsconductor.collector.batch import Batch, Range
from opsconductor.collector.config import Client, LineLimits
from opsconductor.collector.figures import Figures
from opsconductor.collector.source import Source
from opsconductor.collector.stages.entry import Entry
from opsconductor.collector.tail import Block

HELD_S = 5.0
"""How long lines wait for the rest that a stage expects before they go on as they are."""

HELD_BYTES = 1 << 20
"""How many bytes of them."""


class SourceReader:
    """Reads for one client; gives each line a time of its own, 1 ns apart where many are read at once."""

    def __init__(self, limits: LineLimits, client: Client, figures: Figures) -> None:
        self._limits, self._figures = limits, figures
        self._label = client.figure_labels
        self._last_ns = 0

    def read(self, source: Source, batch: Batch, now: float) -> bool:
        """Move the next lines into the batch; whether there were any. Raises FileTruncatedError."""
        if source.tail is None:
            return False
        block = source.tail.read()
        if block is None:
            if source.waits and now - source.held_since > HELD_S:
                self.let_go(source, batch, now)
            return False
        source.position.modified = source.tail.stat().st_mtime_ns
        self._take(source, block, batch, now)
        return True

    def read_rest(self, source: Source, batch: Batch, now: float) -> bool:
        """As `read`, for the unfinished last line of a file that is closed next."""
        if source.tail is None:
            return False
        block = source.tail.read_rest()
        if block is not None:
            self._take(source, block, batch, now)
        if source.waits:
            self.let_go(source, batch, now)
        return block is not None

    def let_go(self, source: Source, batch: Batch, now: float) -> None:
        """Give up waiting for the rest of held lines."""
        entries = source.held + source.pipeline.flush()
        source.held = []
        batch.add(entries, now)
        self._cover(source, batch, source.read, source.read_anchor)

    def _take(self, source: Source, block: Block, batch: Batch, now: float) -> None:
        self._figures.read_lines.add(len(block.lines), source.position.path)
        lines = self._apply_limits(block)
        first_ns = self._take_times(len(lines))
        labels = source.labels
        entries = [
            Entry(first_ns + index, line.decode("utf-8", "replace"), labels.copy())
            for index, line in enumerate(lines)
        ]
        if not source.waits:
            source.held_since, source.held_from = now, block.start
        source.read, source.read_anchor = block.end, block.anchor
        if not source.pipeline.stateful:
            batch.add(source.pipeline.process(entries), now)
            self._cover(source, batch, block.end, block.anchor)
            return
        source.held += source.pipeline.process(entries)
        too_much = block.end - source.held_from > HELD_BYTES
        if not source.pipeline.holds or too_much or now - source.held_since > HELD_S:
            self.let_go(source, batch, now)

    def _take_times(self, count: int) -> int:
        first = max(time.time_ns(), self._last_ns + 1)
        self._last_ns = first + count
        return first

    def _apply_limits(self, block: Block) -> list[bytes]:
        """Lines within max_line_size: longer ones are dropped, or cut where the configuration says so."""
        if block.cut:
            self._figures.mutated_entries.add(1, *self._label, "line_too_long")
        limit = self._limits.max_line_size
        if not limit or all(len(line) <= limit for line in block.lines):
            return block.lines
        too_long = sum(len(line) > limit for line in block.lines)
        self._figures.mutated_entries.add(too_long, *self._label, "line_too_long")
        if self._limits.max_line_size_truncate:
            return [line[:limit] for line in block.lines]
        return [line for line in block.lines if len(line) <= limit]

    @staticmethod
    def _cover(source: Source, batch: Batch, end: int, anchor: bytes) -> None:
        batch.cover(Range(source.id, source.range_start, end, source.position.gap, anchor))

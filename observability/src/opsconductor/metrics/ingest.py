"""Samples into the store: label sets become series ids, rows become Arrow batches, one append each."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from opsconductor.metrics.exposition import Exemplar
from opsconductor.metrics.table import EXEMPLARS, SAMPLES
from opsconductor.model.labels import Labels, format_labels, identify_labels
from opsconductor.storage.append import Append
from opsconductor.storage.writer import Writer

TENANT = "default"
MS_NS = 1_000_000
MAX_CACHED_SERIES = 500_000


@dataclass
class SampleBatch:
    """Columns being filled: series by their labels, times in ms, values; and exemplars beside them."""

    labels: list[Labels] = field(default_factory=list)
    times_ms: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    exemplars: list[tuple[Labels, Exemplar, int]] = field(default_factory=list)

    def add(self, labels: Labels, time_ms: int, value: float) -> None:
        """Add one sample."""
        self.labels.append(labels)
        self.times_ms.append(time_ms)
        self.values.append(value)


class SeriesNames:
    """Label sets → (id, canonical text), remembered."""

    def __init__(self) -> None:
        self._known: dict[Labels, tuple[int, str]] = {}

    def name(self, labels: Labels) -> tuple[int, str]:
        """The series id and the canonical text of a label set."""
        found = self._known.get(labels)
        if found is None:
            if len(self._known) >= MAX_CACHED_SERIES:
                self._known.clear()
            text = format_labels(labels)
            found = self._known[labels] = (identify_labels(text), text)
        return found


class Ingester:
    """Appends batches to the samples' and the exemplars' writers."""

    def __init__(self, samples: Writer, exemplars: Writer) -> None:
        self._samples, self._exemplars = samples, exemplars
        self._names = SeriesNames()

    async def store(self, batch: SampleBatch) -> None:
        """Store a batch; durable when it returns. Raises the writer's errors."""
        waiting = []
        if batch.labels:
            named = [self._names.name(labels) for labels in batch.labels]
            rows = pa.RecordBatch.from_arrays(
                [
                    pa.array(np.asarray(batch.times_ms, dtype=np.int64) * MS_NS),
                    pa.array(np.asarray([number for number, _ in named], dtype=np.uint64)),
                    pa.array(np.asarray(batch.values, dtype=np.float64)),
                ],
                schema=SAMPLES.columns,
            )
            waiting.append(self._samples.append(Append(TENANT, rows, list(dict(named).items()))))
        if batch.exemplars:
            waiting.append(self._exemplars.append(self._exemplar_rows(batch.exemplars)))
        await asyncio.gather(*map(asyncio.wrap_future, waiting))

    async def store_vector(self, vector: Iterable[tuple[Labels, float]], time_s: float) -> None:
        """Store one sample of each series at one time: what rules record."""
        batch, time_ms = SampleBatch(), int(time_s * 1000)
        for labels, value in vector:
            batch.add(labels, time_ms, value)
        await self.store(batch)

    def _exemplar_rows(self, exemplars: Sequence[tuple[Labels, Exemplar, int]]) -> Append:
        named = [self._names.name(labels) for labels, _, _ in exemplars]
        rows = pa.RecordBatch.from_arrays(
            [
                pa.array([time_ms * MS_NS for _, _, time_ms in exemplars], pa.int64()),
                pa.array([number for number, _ in named], pa.uint64()),
                pa.array([one.value for _, one, _ in exemplars], pa.float64()),
                pa.array([format_labels(one.labels) for _, one, _ in exemplars], pa.string()),
            ],
            schema=EXEMPLARS.columns,
        )
        return Append(TENANT, rows, list(dict(named).items()))

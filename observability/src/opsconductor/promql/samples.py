"""Raw samples in, windows out: what every selector yields before an operator sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from opsconductor.model.labels import Labels
from opsconductor.promql.syntax import Matcher
from opsconductor.vectors.block import Block, Bools, Floats, Indices

STALE_BITS = 0x7FF0000000000002
"""The NaN that marks the end of a series. Spec: Prometheus model/value StaleNaN."""


def is_stale(values: Floats) -> Bools:
    """Which values are stale markers; other NaN are values."""
    return np.asarray(values.view(np.uint64) == STALE_BITS)


@dataclass(frozen=True)
class Samples:
    """Samples of many series, flat: series i owns [offsets[i], offsets[i + 1]) of times_ms and values.

    times_ms int64 ascending within a series; values float64; offsets int64 of one more entry than labels.
    """

    labels: tuple[Labels, ...]
    offsets: Indices
    times_ms: Indices
    values: Floats


class SampleSource(Protocol):
    """Where samples come from: the metrics role's store, or a test's list."""

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
        """Samples of the matching series with start_ms < time <= end_ms."""


@dataclass(frozen=True)
class Windows:
    """For each series and step the samples [first, end) of flat arrays, in the left-open window (step - range, step].

    labels: a series each; first, end: int64 [series, steps] into times_ms and values; range_ms: the window's length;
    steps_ms: int64 [steps], where each window ends (offset already applied).
    """

    labels: tuple[Labels, ...]
    times_ms: Indices
    values: Floats
    first: Indices
    end: Indices
    range_ms: int
    steps_ms: Indices

    @property
    def count(self) -> Indices:
        """Samples in each window, [series, steps]."""
        return self.end - self.first


def cut_windows(samples: Samples, steps_ms: Indices, range_ms: int) -> Windows:
    """The windows of every series at every step; stale markers are no samples of a window."""
    alive = ~is_stale(samples.values)
    if not bool(alive.all()):
        samples = _drop(samples, alive)
    end = _count_until(samples, steps_ms)
    first = _count_until(samples, steps_ms - range_ms)
    base = samples.offsets[:-1, None]
    return Windows(samples.labels, samples.times_ms, samples.values, base + first, base + end, range_ms, steps_ms)


def pick_latest(samples: Samples, steps_ms: Indices, lookback_ms: int) -> tuple[Block, Indices]:
    """The latest sample of each series in (step - lookback, step], absent when there is none or it is stale.

    Returns the block and the chosen samples' times [series, steps] (arbitrary where absent).
    """
    until = _count_until(samples, steps_ms)
    index = np.maximum(samples.offsets[:-1, None] + until - 1, 0)
    if not len(samples.times_ms):
        shape = (len(samples.labels), len(steps_ms))
        return Block(samples.labels, np.zeros(shape), np.zeros(shape, dtype=np.bool_)), np.zeros(
            shape, dtype=np.int64
        )
    times, values = samples.times_ms[index], samples.values[index]
    present = (until > 0) & (times > steps_ms[None, :] - lookback_ms) & ~is_stale(values)
    return Block(samples.labels, values, present), times


def _count_until(samples: Samples, edges_ms: Indices) -> Indices:
    """For each series and ascending edge the number of its samples at or before it: [series, edges]."""
    series, edges = len(samples.labels), len(edges_ms)
    owner = np.repeat(np.arange(series), np.diff(samples.offsets))
    bucket = np.searchsorted(edges_ms, samples.times_ms, side="left")
    counts = np.bincount(owner * (edges + 1) + bucket, minlength=series * (edges + 1)).reshape(series, edges + 1)
    return np.cumsum(counts[:, :edges], axis=1)


def _drop(samples: Samples, alive: Bools) -> Samples:
    kept = np.concatenate([[0], np.cumsum(alive)])
    return Samples(samples.labels, kept[samples.offsets], samples.times_ms[alive], samples.values[alive])

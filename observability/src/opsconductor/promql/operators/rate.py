"""rate, increase, delta: extrapolated differences over windows."""

import numpy as np

from opsconductor.promql.samples import Windows
from opsconductor.vectors.block import Block, Floats
from opsconductor.vectors.sums import sum_windows


def rate(windows: Windows) -> Block:
    """Per-second increase of each counter, extrapolated to the window's edges.

    Absent where a window has fewer than 2 samples; a fall in value is a reset. Spec: Prometheus 3
    querying/functions "rate".
    """
    return _extrapolate(windows, is_counter=True, per_second=True)


def increase(windows: Windows) -> Block:
    """As rate, over the whole window. Spec: Prometheus 3 querying/functions "increase"."""
    return _extrapolate(windows, is_counter=True, per_second=False)


def delta(windows: Windows) -> Block:
    """Extrapolated difference of each gauge over the window. Spec: Prometheus 3 querying/functions "delta"."""
    return _extrapolate(windows, is_counter=False, per_second=False)


def _extrapolate(windows: Windows, *, is_counter: bool, per_second: bool) -> Block:
    count = windows.count
    present = count >= 2
    if not len(windows.values):
        return Block(windows.labels, np.zeros(count.shape), present)
    last_index = len(windows.values) - 1
    first, last = np.minimum(windows.first, last_index), np.clip(windows.end - 1, 0, last_index)
    with np.errstate(all="ignore"):
        difference = windows.values[last] - windows.values[first]
        if is_counter:
            difference = difference + _sum_lost(windows)
        first_ms, last_ms = windows.times_ms[first], windows.times_ms[last]
        sampled = (last_ms - first_ms) / 1e3
        average = sampled / (count - 1)
        before = (first_ms - (windows.steps_ms - windows.range_ms)) / 1e3
        after = (windows.steps_ms - last_ms) / 1e3
        # Beyond 1.1 average gaps the series is taken to begin or end inside the window, half a gap further.
        before = np.where(before >= average * 1.1, average / 2, before)
        after = np.where(after >= average * 1.1, average / 2, after)
        if is_counter:
            start = windows.values[first]
            zero = np.where((difference > 0) & (start >= 0), sampled * (start / difference), np.inf)
            before = np.minimum(before, zero)  # a counter is not below zero
        result = difference * ((sampled + before + after) / sampled)
        if per_second:
            result = result / (windows.range_ms / 1e3)
    return Block(windows.labels, result, present)


def _sum_lost(windows: Windows) -> Floats:
    """What each window's counter lost at resets, to be added to last minus first: [series, steps].

    A fall at a series' first sample compares two series; no window counts it, as it ends before the window's second
    sample.
    """
    values = windows.values
    fell = np.flatnonzero(values[1:] < values[:-1]) + 1
    if not len(fell):
        return np.zeros(windows.count.shape)
    lost = np.zeros(len(values))
    lost[fell] = values[fell - 1]
    if not np.isfinite(lost).all():  # differences of a prefix sum would be NaN after an Inf
        return sum_windows(lost, np.minimum(windows.first + 1, windows.end), windows.end)
    before = np.concatenate([[0.0], np.cumsum(lost)])
    return np.asarray(before[windows.end] - before[np.minimum(windows.first + 1, windows.end)])


def irate(windows: Windows) -> Block:
    """Per-second increase between a window's last two samples. Spec: Prometheus 3 querying/functions "irate"."""
    return _instant(windows, is_counter=True)


def idelta(windows: Windows) -> Block:
    """Difference of a window's last two samples. Spec: Prometheus 3 querying/functions "idelta"."""
    return _instant(windows, is_counter=False)


def _instant(windows: Windows, *, is_counter: bool) -> Block:
    present = windows.count >= 2
    if not len(windows.values):
        return Block(windows.labels, np.zeros(present.shape), present)
    last = np.clip(windows.end - 1, 1, max(len(windows.values) - 1, 1))
    last = np.minimum(last, len(windows.values) - 1)
    new, old = windows.values[last], windows.values[np.maximum(last - 1, 0)]
    with np.errstate(all="ignore"):
        result = np.where(new < old, new, new - old) if is_counter else new - old
        if is_counter:
            seconds = (windows.times_ms[last] - windows.times_ms[np.maximum(last - 1, 0)]) / 1e3
            result = result / seconds
    return Block(windows.labels, result, present)

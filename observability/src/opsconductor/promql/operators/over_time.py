"""Statistics of each window: …_over_time, resets, changes. Spec: Prometheus 3 querying/functions."""

from collections.abc import Callable

import numpy as np

from opsconductor.promql.samples import Windows
from opsconductor.vectors.block import Block, Floats
from opsconductor.vectors.sums import sum_windows

WindowFunction = Callable[[Windows], Block]


def sum_over_time(windows: Windows) -> Block:
    """Compensated sum of each window."""
    return _block(windows, sum_windows(windows.values, windows.first, windows.end))


def avg_over_time(windows: Windows) -> Block:
    """Mean of each window."""
    with np.errstate(all="ignore"):
        return _block(windows, sum_windows(windows.values, windows.first, windows.end) / windows.count)


def count_over_time(windows: Windows) -> Block:
    """Number of samples of each window."""
    return _block(windows, windows.count.astype(np.float64))


def present_over_time(windows: Windows) -> Block:
    """1 for each window with a sample."""
    return _block(windows, np.ones(windows.count.shape))


def last_over_time(windows: Windows) -> Block:
    """The last sample of each window."""
    if not len(windows.values):
        return _block(windows, np.zeros(windows.count.shape))
    return _block(windows, windows.values[np.clip(windows.end - 1, 0, len(windows.values) - 1)])


def min_over_time(windows: Windows) -> Block:
    """The least value of each window; NaN only where all are."""
    return _block(windows, _reduce(windows, np.fmin))


def max_over_time(windows: Windows) -> Block:
    """The greatest value of each window; NaN only where all are."""
    return _block(windows, _reduce(windows, np.fmax))


def stdvar_over_time(windows: Windows) -> Block:
    """Population variance of each window."""
    mean = avg_over_time(windows).values
    total = np.zeros(windows.count.shape)
    with np.errstate(all="ignore"):
        for offset in range(int(windows.count.max(initial=0))):
            alive = windows.count > offset
            index = np.where(alive, windows.first + offset, 0)
            total += np.where(alive, (windows.values[index] - mean) ** 2, 0.0)
        return _block(windows, total / windows.count)


def stddev_over_time(windows: Windows) -> Block:
    """Population standard deviation of each window."""
    variance = stdvar_over_time(windows)
    return Block(variance.labels, np.sqrt(variance.values), variance.present)


def changes(windows: Windows) -> Block:
    """How often the value changed within each window."""
    return _count_pairs(windows, lambda old, new: (new != old) & ~(np.isnan(new) & np.isnan(old)))


def resets(windows: Windows) -> Block:
    """How often the value fell within each window."""
    return _count_pairs(windows, lambda old, new: new < old)


def quantile_over_time(quantile: Floats, windows: Windows) -> Block:
    """The φ-quantile of each window, φ float64 [steps]; linear between neighbours."""
    result = np.zeros(windows.count.shape)
    for row, column in zip(*np.nonzero(windows.count), strict=True):
        window = sort_values(windows.values[windows.first[row, column] : windows.end[row, column]])
        result[row, column] = pick_quantile(float(quantile[column]), window)
    return _block(windows, result)


def sort_values(values: Floats) -> Floats:
    """Ascending; NaN is the smallest value, as in the original."""
    ascending = np.sort(values)
    return np.roll(ascending, int(np.isnan(ascending).sum()))


def pick_quantile(quantile: float, ascending: Floats) -> float:
    """The φ-quantile of ascending values. Spec: Prometheus promql/quantile.go, quantile."""
    if not len(ascending) or np.isnan(quantile):
        return float("nan")
    if quantile < 0 or quantile > 1:
        return float("-inf") if quantile < 0 else float("inf")
    rank = quantile * (len(ascending) - 1)
    low = int(np.floor(rank))
    high = min(low + 1, len(ascending) - 1)
    weight = rank - low
    return float(ascending[low] * (1 - weight) + ascending[high] * weight)


def _reduce(windows: Windows, ufunc: np.ufunc) -> Floats:
    if not len(windows.values):
        return np.zeros(windows.count.shape)
    # Pairs of edges; one value more, so that an edge at the very end is a valid index.
    edges = np.stack([windows.first.ravel(), windows.end.ravel()], axis=1).ravel()
    padded = np.append(windows.values, np.nan)
    return np.asarray(ufunc.reduceat(padded, edges)[::2].reshape(windows.count.shape))


def _count_pairs(windows: Windows, test: Callable[[Floats, Floats], object]) -> Block:
    values = windows.values
    if not len(values):
        return _block(windows, np.zeros(windows.count.shape))
    hits = np.concatenate([[0.0, 0.0], np.cumsum(np.asarray(test(values[:-1], values[1:]), dtype=np.float64))])
    # hits[i] counts the pairs that end before sample i; a window's own pairs end after its first sample.
    first = np.minimum(windows.first + 1, len(values))
    return _block(windows, hits[windows.end] - hits[np.minimum(first, windows.end)])


def _block(windows: Windows, values: Floats) -> Block:
    return Block(windows.labels, values, windows.count > 0)


WINDOW_FUNCTIONS: dict[str, WindowFunction] = {
    function.__name__: function
    for function in (
        sum_over_time,
        avg_over_time,
        count_over_time,
        present_over_time,
        last_over_time,
        min_over_time,
        max_over_time,
        stdvar_over_time,
        stddev_over_time,
        changes,
        resets,
    )
}

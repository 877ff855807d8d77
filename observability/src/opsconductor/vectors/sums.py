"""Compensated sums (Neumaier) over ragged groups and windows, vectorised across the groups.

A prefix sum would be wrong: on 1 1e100 1 -1e100 it loses the ones, and after an Inf every window is NaN.
"""

import numpy as np

from opsconductor.vectors.block import Floats, Indices


class Accumulator:
    """Neumaier's running sum of many sums at once."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._sum = np.zeros(shape)
        self._compensation = np.zeros(shape)

    def add(self, where: Indices | slice, values: Floats) -> None:
        """Add values to the sums at `where`; an index must not appear twice in one call."""
        total = self._sum[where]
        with np.errstate(all="ignore"):
            new = total + values
            big = np.abs(total) >= np.abs(values)
            self._compensation[where] += np.where(big, (total - new) + values, (values - new) + total)
        self._sum[where] = new

    def read(self) -> Floats:
        """The sums; an infinite or NaN sum ignores its compensation."""
        with np.errstate(all="ignore"):
            return np.where(np.isfinite(self._sum), self._sum + self._compensation, self._sum)


def sum_windows(values: Floats, first: Indices, end: Indices) -> Floats:
    """Sum of values[first:end] for each pair, any shape; 0 where the window is empty."""
    flat_first, length = first.ravel(), (end - first).ravel()
    sums = Accumulator(flat_first.shape)
    for offset in range(int(length.max(initial=0))):
        alive = np.flatnonzero(length > offset)
        sums.add(alive, values[flat_first[alive] + offset])
    return sums.read().reshape(first.shape)


def sum_groups(values: Floats, group: Indices, groups: int) -> Floats:
    """Sum of the rows of [series, steps] that share a group: [groups, steps]."""
    order = np.argsort(group, kind="stable")
    sorted_group = group[order]
    rank = np.arange(len(group)) - np.searchsorted(sorted_group, sorted_group)
    sums = Accumulator((groups, values.shape[1]))
    for level in range(int(rank.max(initial=-1)) + 1):
        rows = order[rank == level]
        sums.add(group[rows], values[rows])
    return sums.read()

"""A block of series × steps: what every vectorised operator takes and gives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opsconductor.model.labels import Labels

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """labels: one sorted label set a series; values float64 and present bool, both [series, steps].

    Absence is the mask, never NaN: NaN is a value. Where present is False, the value is arbitrary.
    """

    labels: tuple[Labels, ...]
    values: Floats
    present: Bools

    @property
    def steps(self) -> int:
        """The number of steps."""
        return int(self.values.shape[1])

    def take(self, rows: Indices | Sequence[int]) -> "Block":
        """The rows of these indices, in this order."""
        index = np.asarray(rows, dtype=np.int64)
        return Block(tuple(self.labels[i] for i in index.tolist()), self.values[index], self.present[index])

    def drop_empty(self) -> "Block":
        """Without the series that are absent at every step."""
        alive = self.present.any(axis=1)
        return self if bool(alive.all()) else self.take(np.flatnonzero(alive))


def empty_block(steps: int) -> Block:
    """A block of no series."""
    return Block((), np.zeros((0, steps)), np.zeros((0, steps), dtype=np.bool_))

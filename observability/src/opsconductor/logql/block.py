"""Values of label sets at steps, the shape in which metric expressions are evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from opsconductor.logql.arithmetic import Bools, Floats
from opsconductor.model.labels import Labels


@dataclass(frozen=True, slots=True)
class Block:
    """`labels` one a row; `values` float64 and `present` bool [rows, steps]: absence is a mask, NaN is a value."""

    labels: list[Labels]
    values: Floats
    present: Bools

    def take(self, rows: Sequence[int]) -> "Block":
        """The block of some rows, in the order given."""
        picked = np.array(rows, dtype=np.intp)
        return Block([self.labels[row] for row in rows], self.values[picked], self.present[picked])

    def sort(self) -> "Block":
        """The block with its rows in the order of their labels."""
        return self.take(sorted(range(len(self.labels)), key=self.labels.__getitem__))


def make_empty(steps: int) -> Block:
    """A block without rows."""
    return Block([], np.zeros((0, steps)), np.zeros((0, steps), np.bool_))


def join_blocks(blocks: Sequence[Block]) -> Block:
    """The rows of all blocks, which have the same steps."""
    labels = [labels for block in blocks for labels in block.labels]
    values = np.concatenate([block.values for block in blocks])
    return Block(labels, values, np.concatenate([block.present for block in blocks]))


def keep_labels(labels: Labels, names: frozenset[str], *, without: bool) -> Labels:
    """The labels with the names, or without them."""
    return tuple(pair for pair in labels if (pair[0] in names) is not without)

"""Functions of one value at a time. Spec: Prometheus 3 querying/functions."""

from collections.abc import Callable

import numpy as np

from opsconductor.promql.operators.binary import drop_name
from opsconductor.vectors.block import Block, Floats

ELEMENTWISE: dict[str, Callable[[Floats], Floats]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "sgn": np.sign,
}


def map_values(name: str, block: Block) -> Block:
    """The function applied to every value."""
    with np.errstate(all="ignore"):
        return drop_name(Block(block.labels, ELEMENTWISE[name](block.values), block.present))


def round_values(block: Block, to: Floats) -> Block:
    """To the nearest multiple of `to` [steps], halves up."""
    with np.errstate(all="ignore"):
        inverse = 1.0 / to
        return drop_name(Block(block.labels, np.floor(block.values * inverse + 0.5) / inverse, block.present))


def clamp(block: Block, low: Floats, high: Floats) -> Block:
    """Into [low, high], each float64 [steps]; absent where low > high, NaN where a bound is NaN."""
    with np.errstate(all="ignore"):
        values = np.maximum(low, np.minimum(high, block.values))
    return drop_name(Block(block.labels, values, block.present & ~(low > high)))

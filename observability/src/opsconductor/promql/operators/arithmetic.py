"""Binary operators over aligned values. Spec: Prometheus 3 querying/operators."""

from collections.abc import Callable

import numpy as np

from opsconductor.vectors.block import Bools, Floats

ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}

COMPARISON: dict[str, Callable[[Floats, Floats], Bools]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def compute(operator: str, left: Floats, right: Floats, *, as_bool: bool) -> tuple[Floats, Bools | None]:
    """The values, and which of them a comparison lets pass (None: all); filtering keeps the left value."""
    with np.errstate(all="ignore"):
        if operator in ARITHMETIC:
            return ARITHMETIC[operator](left, right), None
        passed = COMPARISON[operator](left, right)
    if as_bool:
        return passed.astype(np.float64), None
    return np.broadcast_to(left, passed.shape), passed

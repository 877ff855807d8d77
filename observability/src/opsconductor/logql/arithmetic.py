"""What the operators of a metric query compute, over float64 arrays. Spec: Go's math, which the originals use."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def _quiet(operate: Callable[[Floats, Floats], Floats]) -> Callable[[Floats, Floats], Floats]:
    def operate_quietly(left: Floats, right: Floats) -> Floats:
        with np.errstate(all="ignore"):
            return operate(left, right)

    return operate_quietly


def _divide(left: Floats, right: Floats) -> Floats:
    """The quotient; NaN where the right side is zero, as Loki has it (not infinity)."""
    with np.errstate(all="ignore"):
        return np.where(right == 0, np.nan, left / right)


ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": _quiet(np.add),
    "-": _quiet(np.subtract),
    "*": _quiet(np.multiply),
    "/": _divide,
    "%": _quiet(np.fmod),
    "^": _quiet(np.power),
}
COMPARISONS: dict[str, Callable[[Floats, Floats], Bools]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}

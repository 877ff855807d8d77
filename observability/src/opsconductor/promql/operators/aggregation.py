"""Aggregations over groups of series, at each step on its own. Spec: Prometheus 3 querying/operators."""

from collections.abc import Sequence

import numpy as np

from opsconductor.promql.errors import EvaluationError
from opsconductor.promql.operators.over_time import pick_quantile, sort_values
from opsconductor.vectors.block import Block, Bools, Floats, Indices
from opsconductor.vectors.grouping import group_series
from opsconductor.vectors.sums import sum_groups


def aggregate(operator: str, block: Block, names: Sequence[str], parameter: Floats | None, *, without: bool) -> Block:
    """One series a group (topk and bottomk: the chosen series themselves); parameter float64 [steps]."""
    labels, group = group_series(block.labels, names, without=without)
    if operator in ("topk", "bottomk"):
        limit = _require(parameter)
        if np.isnan(limit).any():
            raise EvaluationError("Parameter value is NaN")
        return _choose(block, group, len(labels), limit, largest=operator == "topk")
    counts = _count(block.present, group, len(labels))
    present = counts > 0
    if operator == "quantile":
        return Block(labels, _quantile(block, group, counts.shape, _require(parameter)), present)
    return Block(labels, _reduce(operator, block, group, counts), present)


def _require(parameter: Floats | None) -> Floats:
    if parameter is None:
        raise AssertionError("the parser gives this aggregation a parameter")
    return parameter


def _count(present: Bools, group: Indices, groups: int) -> Floats:
    counts = np.zeros((groups, present.shape[1]))
    np.add.at(counts, group, present)
    return counts


def _reduce(operator: str, block: Block, group: Indices, counts: Floats) -> Floats:
    if operator in ("min", "max"):
        ufunc = np.fmin if operator == "min" else np.fmax
        result = np.full(counts.shape, np.nan)
        ufunc.at(result, group, np.where(block.present, block.values, np.nan))
        return result
    if operator == "count":
        return counts
    if operator == "group":
        return np.ones(counts.shape)
    values = np.where(block.present, block.values, 0.0)
    if operator == "sum":
        return sum_groups(values, group, len(counts))
    if operator == "avg":
        return _average(values, group, counts)
    with np.errstate(all="ignore"):
        # Relative to any member, so that equal values have no variance at all.
        origin = np.zeros(counts.shape)
        origin[group[::-1]] = values[::-1]
        offsets = np.where(block.present, values - origin[group], 0.0)
        mean = _average(offsets, group, counts)
        squares = np.where(block.present, (offsets - mean[group]) ** 2, 0.0)
        variance = sum_groups(squares, group, len(counts)) / counts
        return variance if operator == "stdvar" else np.sqrt(variance)


def _average(values: Floats, group: Indices, counts: Floats) -> Floats:
    with np.errstate(all="ignore"):
        total = sum_groups(values, group, len(counts))
        mean = total / counts
        if np.isinf(total).any():  # a sum beyond the largest number may still have a mean below it
            mean = np.where(np.isinf(total), sum_groups(values / counts[group], group, len(counts)), mean)
    return mean


def _quantile(block: Block, group: Indices, shape: tuple[int, ...], quantile: Floats) -> Floats:
    result = np.full(shape, np.nan)
    for number in range(shape[0]):
        rows = np.flatnonzero(group == number)
        for step in range(shape[1]):
            values = block.values[rows, step][block.present[rows, step]]
            result[number, step] = pick_quantile(float(quantile[step]), sort_values(values))
    return result


def _choose(block: Block, group: Indices, groups: int, limit: Floats, *, largest: bool) -> Block:
    kept = np.zeros(block.present.shape, dtype=np.bool_)
    chosen: list[int] = []
    # NaN ranks last whichever way one looks.
    order_key = np.where(np.isnan(block.values), np.inf, -block.values if largest else block.values)
    for number in range(groups):
        rows = np.flatnonzero(group == number)
        for step in range(block.steps):
            alive = rows[block.present[rows, step]]
            wanted = max(0, int(limit[step])) if np.isfinite(limit[step]) else len(alive)
            best = alive[np.argsort(order_key[alive, step], kind="stable")[:wanted]]
            kept[best, step] = True
            chosen += best.tolist()
    # An instant result comes in the order of choice.
    return Block(block.labels, block.values, kept).take(list(dict.fromkeys(chosen)))

"""Aggregations over groups of series, at each step on its own. Spec: Prometheus 3 querying/operators."""

from collections.abc import Sequence

import numpy as np

from opsconductor.promql.operators.over_time import pick_quantile
from opsconductor.vectors.block import Block, Bools, Floats, Indices
from opsconductor.vectors.grouping import group_series
from opsconductor.vectors.sums import sum_groups


def aggregate(operator: str, block: Block, names: Sequence[str], parameter: Floats | None, *, without: bool) -> Block:
    """One series a group (topk and bottomk: the chosen series themselves); parameter float64 [steps]."""
    labels, group = group_series(block.labels, names, without=without)
    if operator in ("topk", "bottomk"):
        return _choose(block, group, len(labels), _require(parameter), largest=operator == "topk")
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
    total = sum_groups(np.where(block.present, block.values, 0.0), group, len(counts))
    if operator == "sum":
        return total
    with np.errstate(all="ignore"):
        mean = total / counts
        if operator == "avg":
            return mean
        squares = np.where(block.present, (block.values - mean[group]) ** 2, 0.0)
        variance = sum_groups(squares, group, len(counts)) / counts
        return variance if operator == "stdvar" else np.sqrt(variance)


def _quantile(block: Block, group: Indices, shape: tuple[int, ...], quantile: Floats) -> Floats:
    result = np.full(shape, np.nan)
    for number in range(shape[0]):
        rows = np.flatnonzero(group == number)
        for step in range(shape[1]):
            values = block.values[rows, step][block.present[rows, step]]
            result[number, step] = pick_quantile(float(quantile[step]), np.sort(values))
    return result


def _choose(block: Block, group: Indices, groups: int, limit: Floats, *, largest: bool) -> Block:
    kept = np.zeros(block.present.shape, dtype=np.bool_)
    # NaN ranks last whichever way one looks.
    order_key = np.where(np.isnan(block.values), np.inf, -block.values if largest else block.values)
    for number in range(groups):
        rows = np.flatnonzero(group == number)
        for step in range(block.steps):
            alive = rows[block.present[rows, step]]
            wanted = max(0, int(limit[step])) if np.isfinite(limit[step]) else len(alive)
            best = alive[np.argsort(order_key[alive, step], kind="stable")[:wanted]]
            kept[best, step] = True
    return Block(block.labels, block.values, kept).drop_empty()

"""histogram_quantile over classic histograms: series that differ in `le` only."""

import numpy as np

from opsconductor.model.labels import Labels
from opsconductor.vectors.block import Block, Bools, Floats, empty_block
from opsconductor.vectors.grouping import METRIC_NAME, drop_labels

_BUCKET = frozenset(("le", METRIC_NAME))


def histogram_quantile(quantile: Floats, block: Block) -> Block:
    """The φ-quantile of each histogram, φ float64 [steps]; linear inside the bucket that holds the rank.

    NaN without a +Inf bucket, without observations or with fewer than two buckets; ±Inf for φ outside [0, 1]; the
    second highest bound when the rank falls into +Inf. Spec: Prometheus promql/quantile.go, BucketQuantile.
    """
    groups: dict[Labels, list[tuple[float, int]]] = {}
    for row, labels in enumerate(block.labels):
        bound = _read_bound(dict(labels).get("le"))
        if bound is not None:
            groups.setdefault(drop_labels(labels, _BUCKET), []).append((bound, row))
    if not groups:
        return empty_block(block.steps)
    results = [_compute(quantile, sorted(buckets), block) for buckets in groups.values()]
    values, present = zip(*results, strict=True)
    return Block(tuple(groups), np.array(values), np.array(present))


def _read_bound(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _compute(quantile: Floats, buckets: list[tuple[float, int]], block: Block) -> tuple[Floats, Bools]:
    bounds = np.array([bound for bound, _ in buckets])
    rows = [row for _, row in buckets]
    alive = block.present[rows]
    present = np.asarray(alive.any(axis=0))
    if not np.isposinf(bounds[-1]) or len(bounds) < 2:
        return np.full(block.steps, np.nan), present
    # An absent bucket counts what lies below it; scrapes of several instances may not be monotone.
    counts = np.maximum.accumulate(np.where(alive, np.nan_to_num(block.values[rows]), 0.0), axis=0)
    total = counts[-1]
    rank = quantile * total
    index = np.minimum((counts < rank).sum(axis=0), len(bounds) - 1)
    column = np.arange(block.steps)
    upper = bounds[index]
    lower = np.where(index > 0, bounds[np.maximum(index - 1, 0)], 0.0)
    below = np.where(index > 0, counts[np.maximum(index - 1, 0), column], 0.0)
    with np.errstate(all="ignore"):
        inside = lower + (upper - lower) * ((rank - below) / (counts[index, column] - below))
    result = np.where(index == len(bounds) - 1, bounds[-2], inside)
    result = np.where((index == 0) & (upper <= 0), upper, result)
    result = np.where((total == 0) | np.isnan(quantile), np.nan, result)
    result = np.where(quantile < 0, -np.inf, np.where(quantile > 1, np.inf, result))
    return result, present

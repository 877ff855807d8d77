"""sum, avg, min, max, count, stddev, stdvar, topk, bottomk, sort, sort_desc over label sets, at every step.

Spec: https://grafana.com/docs/loki/latest/query/metric_queries/#built-in-aggregation-operators
"""

from collections.abc import Callable

import numpy as np

from opsconductor.logql.arithmetic import Bools, Floats
from opsconductor.logql.block import Block, keep_labels, make_empty
from opsconductor.logql.syntax import Grouping, VectorAggregation
from opsconductor.model.labels import Labels


def aggregate_vector(aggregation: VectorAggregation, block: Block) -> Block:
    """The block of an aggregation over a block. Rows come in the order of labels; topk and sort order by value."""
    op = aggregation.op
    if op in ("sort", "sort_desc"):
        return _sort(block, descending=op == "sort_desc")
    if not block.labels:
        return block
    groups = _group(block, aggregation.grouping)
    if op in ("topk", "bottomk"):
        return _select(block, groups, aggregation.parameter or 1, largest=op == "topk")
    labels, values, present = [], [], []
    for key in sorted(groups):
        rows = np.array(groups[key], np.intp)
        mask = block.present[rows]
        labels.append(key)
        values.append(_REDUCE[op](block.values[rows], mask))
        present.append(mask.any(axis=0))
    return Block(labels, np.array(values), np.array(present))


def _group(block: Block, grouping: Grouping | None) -> dict[Labels, list[int]]:
    names = frozenset(grouping.labels) if grouping else frozenset()
    without = grouping.without if grouping else False
    groups: dict[Labels, list[int]] = {}
    for row, labels in enumerate(block.labels):
        groups.setdefault(keep_labels(labels, names, without=without), []).append(row)
    return groups


def _sum(values: Floats, present: Bools) -> Floats:
    with np.errstate(invalid="ignore"):
        total: Floats = np.where(present, values, 0.0).sum(axis=0)
    return total


def _count(_: Floats, present: Bools) -> Floats:
    count: Floats = present.sum(axis=0).astype(np.float64)
    return count


def _avg(values: Floats, present: Bools) -> Floats:
    return _sum(values, present) / np.maximum(_count(values, present), 1.0)


def _stdvar(values: Floats, present: Bools) -> Floats:
    with np.errstate(invalid="ignore"):
        return _avg(np.square(values - _avg(values, present)), present)


def _min(values: Floats, present: Bools) -> Floats:
    least: Floats = np.fmin.reduce(np.where(present, values, np.nan), axis=0)
    return least


def _max(values: Floats, present: Bools) -> Floats:
    greatest: Floats = np.fmax.reduce(np.where(present, values, np.nan), axis=0)
    return greatest


def _stddev(values: Floats, present: Bools) -> Floats:
    return np.sqrt(_stdvar(values, present))


_REDUCE: dict[str, Callable[[Floats, Bools], Floats]] = {
    "sum": _sum,
    "avg": _avg,
    "min": _min,
    "max": _max,
    "count": _count,
    "stddev": _stddev,
    "stdvar": _stdvar,
}


def _select(block: Block, groups: dict[Labels, list[int]], count: int, *, largest: bool) -> Block:
    """At each step the `count` largest or smallest of each group; NaN comes last, equal values as they stand."""
    chosen = np.zeros_like(block.present)
    rows: list[int] = []
    for key in sorted(groups):
        members = np.array(groups[key], np.intp)
        ranks = np.where(block.present[members], _rank(block.values[members], largest=largest), np.inf)
        order = np.argsort(ranks, axis=0, kind="stable")[:count]
        chosen[members[order], np.arange(block.present.shape[1])] = True
        rows += members[np.argsort(ranks[:, 0], kind="stable")].tolist()
    chosen &= block.present
    kept = [row for row in rows if chosen[row].any()]
    return Block(block.labels, block.values, chosen).take(kept) if kept else make_empty(chosen.shape[1])


def _rank(values: Floats, *, largest: bool) -> Floats:
    """What to sort by, ascending: infinities stay apart from NaN, and both before what is absent."""
    limit = np.finfo(np.float64).max
    ranks = np.clip(-values if largest else values, -limit, np.nextafter(limit, 0))
    return np.where(np.isnan(values), limit, ranks)


def _sort(block: Block, *, descending: bool) -> Block:
    """Rows in the order of value, at one time; over a range the order of rows has no meaning."""
    if block.present.shape[1] != 1:
        return block
    ranks = _rank(block.values, largest=descending)[:, 0]
    return block.take(np.argsort(ranks, kind="stable").tolist())

"""Binary operations between blocks: vector with scalar, vector with vector, and the set operators."""

import numpy as np

from opsconductor.promql.operators.arithmetic import COMPARISON, compute
from opsconductor.promql.syntax import Binary
from opsconductor.vectors.block import Block, Bools, Floats, empty_block
from opsconductor.vectors.grouping import METRIC_NAME, drop_labels
from opsconductor.vectors.matching import match_series

_NAME = frozenset((METRIC_NAME,))


def drop_name(block: Block) -> Block:
    """Without the metric name, as every result that is a new quantity."""
    return Block(tuple(drop_labels(labels, _NAME) for labels in block.labels), block.values, block.present)


def with_scalar(operation: Binary, block: Block, scalar: Floats, *, scalar_left: bool) -> Block:
    """Vector with scalar, scalar float64 [steps]; a filtering comparison yields the vector's values."""
    left, right = (scalar[None, :], block.values) if scalar_left else (block.values, scalar[None, :])
    values, passed = compute(operation.operator, left, right, as_bool=operation.as_bool)
    if passed is not None:
        return Block(block.labels, block.values, block.present & passed)
    return drop_name(Block(block.labels, np.asarray(values), block.present))


def with_vector(operation: Binary, left: Block, right: Block) -> Block:
    """Vector with vector, matched by labels; absent where either side is."""
    filtering = operation.operator in COMPARISON and not operation.as_bool
    pairs = match_series(left.labels, right.labels, operation.matching, keep_name=filtering)
    if not pairs:
        return empty_block(left.steps)
    lefts, rights = left.take([pair.left for pair in pairs]), right.take([pair.right for pair in pairs])
    values, passed = compute(operation.operator, lefts.values, rights.values, as_bool=operation.as_bool)
    present = lefts.present & rights.present
    if passed is not None:
        present = present & passed
        if operation.matching.many == "right":
            values = rights.values
    return Block(tuple(pair.labels for pair in pairs), np.asarray(values), present)


def combine_sets(operation: Binary, left: Block, right: Block) -> Block:
    """and, or, unless: whole series by signature, decided at each step."""
    there = _presence_by_signature(right, operation)
    if operation.operator in ("and", "unless"):
        mask = _look_up(there, left, operation)
        return Block(left.labels, left.values, left.present & (mask if operation.operator == "and" else ~mask))
    here = _presence_by_signature(left, operation)
    mask = _look_up(here, right, operation)
    return merge_equal(
        Block(
            left.labels + right.labels,
            np.concatenate([left.values, right.values]),
            np.concatenate([left.present, right.present & ~mask]),
        )
    )


def merge_equal(block: Block) -> Block:
    """One row for each label set: rows of equal labels never share a step here."""
    rows: dict[object, int] = {}
    values: list[Floats] = []
    present: list[Bools] = []
    for labels, row, alive in zip(block.labels, block.values, block.present, strict=True):
        at = rows.setdefault(labels, len(rows))
        if at == len(values):
            values.append(row)
            present.append(alive)
        else:
            values[at] = np.where(alive, row, values[at])
            present[at] = present[at] | alive
    if len(values) == len(block.labels):
        return block
    return Block(tuple(dict.fromkeys(block.labels)), np.array(values), np.array(present))


def _presence_by_signature(block: Block, operation: Binary) -> dict[object, Bools]:
    presence: dict[object, Bools] = {}
    for labels, alive in zip(block.labels, block.present, strict=True):
        signature = operation.matching.sign(labels)
        presence[signature] = presence[signature] | alive if signature in presence else alive
    return presence


def _look_up(presence: dict[object, Bools], block: Block, operation: Binary) -> Bools:
    """For each series of the block, at which steps the other side has one of its signature; [series, steps]."""
    absent = np.zeros(block.steps, dtype=np.bool_)
    rows = [presence.get(operation.matching.sign(labels), absent) for labels in block.labels]
    return np.array(rows, dtype=np.bool_).reshape(block.present.shape)

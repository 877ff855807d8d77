"""Operators between metric expressions.

Spec: https://grafana.com/docs/loki/latest/query/#binary-operators. Vectors are matched one to one by their labels, by
those of on (…), or by all but those of ignoring (…).
"""

import numpy as np

from opsconductor.logql.arithmetic import ARITHMETIC, COMPARISONS, Bools, Floats
from opsconductor.logql.block import Block, join_blocks, keep_labels, make_empty
from opsconductor.logql.errors import QueryError
from opsconductor.logql.syntax import BinaryOperation, Matching
from opsconductor.model.labels import Labels


def operate_scalar(operation: BinaryOperation, left: Block | float, right: Block | float) -> Block:
    """The block of an operation in which one side is a number. A comparison keeps the block's values that hold."""
    block = left if isinstance(left, Block) else right
    if not isinstance(block, Block):
        raise TypeError("operations between two numbers are folded by the parser")
    first = block.values if isinstance(left, Block) else np.full_like(block.values, left)
    second = block.values if isinstance(right, Block) else np.full_like(block.values, right)
    values, holds = _compute(operation, first, second, block.values)
    return _drop_absent(Block(block.labels, values, block.present & holds))


def operate_blocks(operation: BinaryOperation, left: Block, right: Block) -> Block:
    """The block of an operation between two vectors. Raises QueryError where the match is not one to one."""
    if operation.op in ("and", "or", "unless"):
        return _combine_sets(operation, left, right)
    labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Bools] = []
    partners = _by_signature(right, operation.matching)
    for signature, rows in _by_signature(left, operation.matching).items():
        others = partners.get(signature)
        if others is None:
            continue
        other, other_present = _only_one(right, others, "found duplicate series on the right hand-side")
        taken = np.zeros_like(other_present)
        for row in rows:
            both = left.present[row] & other_present
            if (taken & both).any():
                raise QueryError(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                )
            taken |= both
            result, holds = _compute(operation, left.values[row], other, left.values[row])
            labels.append(_result_labels(left.labels[row], operation.matching))
            values.append(result)
            present.append(both & holds)
    if not labels:
        return make_empty(left.present.shape[1])
    return _drop_absent(_merge_equal(Block(labels, np.array(values), np.array(present))))


def _compute(operation: BinaryOperation, left: Floats, right: Floats, kept: Floats) -> tuple[Floats, Bools]:
    """(values, where they count) of the two sides."""
    if operation.op in ARITHMETIC:
        return ARITHMETIC[operation.op](left, right), np.ones(left.shape, np.bool_)
    holds = COMPARISONS[operation.op](left, right)
    if operation.keep_bool:
        return holds.astype(np.float64), np.ones(left.shape, np.bool_)
    return kept, holds


def _signature(labels: Labels, matching: Matching | None) -> Labels:
    if matching is None:
        return labels
    return keep_labels(labels, frozenset(matching.labels), without=not matching.on)


_result_labels = _signature
"""One-to-one results bear the labels that were matched."""


def _by_signature(block: Block, matching: Matching | None) -> dict[Labels, list[int]]:
    groups: dict[Labels, list[int]] = {}
    for row, labels in enumerate(block.labels):
        groups.setdefault(_signature(labels, matching), []).append(row)
    return groups


def _only_one(block: Block, rows: list[int], what: str) -> tuple[Floats, Bools]:
    """The rows as one; at no step may two of them be present."""
    present = block.present[rows]
    if (present.sum(axis=0) > 1).any():
        raise QueryError(f"{what};many-to-many matching not allowed: matching labels must be unique on one side")
    values: Floats = np.where(present, block.values[rows], 0.0).sum(axis=0)
    return values, np.logical_or.reduce(present)


def _combine_sets(operation: BinaryOperation, left: Block, right: Block) -> Block:
    """The set operators: or takes all of the left, and of the right what the left has no match for."""
    matching = operation.matching
    left_rows, right_rows = _by_signature(left, matching), _by_signature(right, matching)
    if operation.op == "or":
        rest = right.present.copy()
        for signature, rows in right_rows.items():
            if signature in left_rows:
                rest[rows] &= ~left.present[left_rows[signature]].any(axis=0)
        return _drop_absent(_merge_equal(join_blocks([left, Block(right.labels, right.values, rest)])))
    present = left.present.copy()
    nowhere = np.zeros(present.shape[1], np.bool_)
    for signature, rows in left_rows.items():
        others = right_rows.get(signature)
        matched = right.present[others].any(axis=0) if others else nowhere
        present[rows] &= matched if operation.op == "and" else ~matched
    return _drop_absent(Block(left.labels, left.values, present))


def _merge_equal(block: Block) -> Block:
    """Rows with the same labels as one row: they are present at different steps."""
    rows: dict[Labels, list[int]] = {}
    for row, labels in enumerate(block.labels):
        rows.setdefault(labels, []).append(row)
    if len(rows) == len(block.labels):
        return block
    merged = [_only_one(block, group, "found duplicate series in the result") for group in rows.values()]
    return Block(list(rows), np.array([values for values, _ in merged]), np.array([mask for _, mask in merged]))


def _drop_absent(block: Block) -> Block:
    return block.take(np.flatnonzero(block.present.any(axis=1)).tolist())

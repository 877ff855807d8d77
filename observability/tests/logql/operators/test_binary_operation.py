"""Binary operators: parses and refuses in test_parser.py, computes here and in the golden scripts."""

import math

import numpy as np
import pytest

from opsconductor.logql.block import Block
from opsconductor.logql.errors import QueryError
from opsconductor.logql.operators.binary_operation import operate_blocks, operate_scalar
from opsconductor.logql.syntax import BinaryOp, BinaryOperation, Matching, NumberLiteral

Rows = dict[str, list[float | None]]


def make_block(rows: Rows) -> Block:
    labels = [tuple(sorted(tuple(pair.split("=")) for pair in name.split(",") if pair)) for name in rows]
    values = np.array([[math.nan if value is None else value for value in row] for row in rows.values()])
    return Block(labels, values, np.array([[value is not None for value in row] for row in rows.values()]))  # type: ignore[arg-type]


def rows_of(block: Block) -> Rows:
    return {
        ",".join(f"{name}={value}" for name, value in labels): [
            float(v) if p else None for v, p in zip(row, mask, strict=True)
        ]
        for labels, row, mask in zip(block.labels, block.values, block.present, strict=True)
    }


def make_operation(op: BinaryOp, *, keep_bool: bool = False, matching: Matching | None = None) -> BinaryOperation:
    return BinaryOperation(op, NumberLiteral(0), NumberLiteral(0), keep_bool, matching)


def test_numbers_and_vectors() -> None:
    block = make_block({"a=1": [1, None, 3]})
    assert rows_of(operate_scalar(make_operation("-"), 10.0, block)) == {"a=1": [9, None, 7]}
    assert rows_of(operate_scalar(make_operation(">"), block, 2.0)) == {"a=1": [None, None, 3]}
    assert rows_of(operate_scalar(make_operation("<"), 2.0, block)) == {"a=1": [None, None, 3]}
    assert rows_of(operate_scalar(make_operation(">", keep_bool=True), block, 2.0)) == {"a=1": [0, None, 1]}
    assert rows_of(operate_scalar(make_operation(">"), block, 9.0)) == {}
    (value,) = rows_of(operate_scalar(make_operation("/"), make_block({"": [1]}), 0.0)).values()
    assert math.isnan(value[0] or 0)


def test_vectors_match_by_labels_at_each_step() -> None:
    left, right = make_block({"a=1": [1, 2], "a=2": [5, 5]}), make_block({"a=1": [10, None], "a=3": [1, 1]})
    assert rows_of(operate_blocks(make_operation("+"), left, right)) == {"a=1": [11, None]}
    assert rows_of(operate_blocks(make_operation("and"), left, right)) == {"a=1": [1, None]}
    assert rows_of(operate_blocks(make_operation("unless"), left, right)) == {"a=1": [None, 2], "a=2": [5, 5]}
    assert rows_of(operate_blocks(make_operation("or"), left, right)) == {"a=1": [1, 2], "a=2": [5, 5], "a=3": [1, 1]}


def test_series_of_one_signature_may_take_turns() -> None:
    left = make_block({"a=1,b=1": [1, None], "a=1,b=2": [None, 2]})
    right = make_block({"a=1,c=1": [10, None], "a=1,c=2": [None, 20]})
    matching = Matching(True, ("a",))
    assert rows_of(operate_blocks(make_operation("*", matching=matching), left, right)) == {"a=1": [10, 40]}


@pytest.mark.parametrize(("left", "right"), [("a=1,b=1 a=1,b=2", "a=1"), ("a=1", "a=1,b=1 a=1,b=2")])
def test_many_to_one_is_refused(left: str, right: str) -> None:
    blocks = [make_block({name: [1.0] for name in names.split()}) for names in (left, right)]
    with pytest.raises(QueryError, match="match"):
        operate_blocks(make_operation("+", matching=Matching(True, ("a",))), *blocks)

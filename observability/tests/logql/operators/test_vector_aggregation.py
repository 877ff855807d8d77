"""Vector aggregations: parses and refuses in test_parser.py, computes here and in the golden scripts."""

import math

import numpy as np
import pytest

from opsconductor.logql.block import Block
from opsconductor.logql.operators.vector_aggregation import aggregate_vector
from opsconductor.logql.syntax import Grouping, NumberLiteral, VectorAggregation, VectorOp

NAN, INF = math.nan, math.inf
LABELS = [(("g", "1"), ("n", "a")), (("g", "1"), ("n", "b")), (("g", "2"), ("n", "c"))]


def aggregate(
    op: VectorOp, values: list[list[float | None]], parameter: int | None = None, *, grouped: bool = True
) -> dict[tuple[str, ...], list[float | None]]:
    numbers = np.array([[NAN if value is None else value for value in row] for row in values])
    present = np.array([[value is not None for value in row] for row in values])
    grouping = Grouping(False, ("g",)) if grouped else None
    block = aggregate_vector(
        VectorAggregation(op, NumberLiteral(0), grouping, parameter), Block(LABELS, numbers, present)
    )
    return {
        tuple(value for _, value in labels): [float(v) if p else None for v, p in zip(row, mask, strict=True)]
        for labels, row, mask in zip(block.labels, block.values, block.present, strict=True)
    }


VALUES: list[list[float | None]] = [[1, NAN, None], [3, 2, None], [5, INF, 7]]


@pytest.mark.parametrize(
    ("op", "wanted"),
    [
        ("sum", {("1",): [4, NAN, None], ("2",): [5, INF, 7]}),
        ("avg", {("1",): [2, NAN, None], ("2",): [5, INF, 7]}),
        ("min", {("1",): [1, 2, None], ("2",): [5, INF, 7]}),
        ("max", {("1",): [3, 2, None], ("2",): [5, INF, 7]}),
        ("count", {("1",): [2, 2, None], ("2",): [1, 1, 1]}),
        ("stdvar", {("1",): [1, NAN, None], ("2",): [0, NAN, 0]}),
        ("stddev", {("1",): [1, NAN, None], ("2",): [0, NAN, 0]}),
    ],
)
def test_reduces(op: VectorOp, wanted: dict[tuple[str], list[float | None]]) -> None:
    assert str(aggregate(op, VALUES)) == str(
        {key: [None if value is None else float(value) for value in row] for key, row in wanted.items()}
    )


def test_topk_and_bottomk_choose_at_each_step() -> None:
    assert aggregate("topk", [[1, 9, None], [2, 3, None], [5, NAN, 7]], 1, grouped=False) == {
        ("1", "a"): [None, 9, None],
        ("2", "c"): [5, None, 7],
    }
    assert aggregate("bottomk", [[1, -INF, None], [2, 3, None], [5, NAN, 7]], 1) == {
        ("1", "a"): [1, -INF, None],
        ("2", "c"): [5, pytest.approx(NAN, nan_ok=True), 7],
    }


@pytest.mark.parametrize(
    ("op", "order"),
    [
        ("sort", ["a", "b", "c"]),
        ("sort_desc", ["b", "a", "c"]),
        ("topk", ["b", "a", "c"]),
        ("bottomk", ["a", "b", "c"]),
    ],
)
def test_rows_are_ordered_by_value_and_nan_is_last(op: VectorOp, order: list[str]) -> None:
    parameter = 3 if op in ("topk", "bottomk") else None
    assert [key[1] for key in aggregate(op, [[-INF], [1], [NAN]], parameter, grouped=False)] == order


def test_no_rows_give_no_rows() -> None:
    empty = Block([], np.zeros((0, 2)), np.zeros((0, 2), np.bool_))
    assert aggregate_vector(VectorAggregation("sum", NumberLiteral(0)), empty).labels == []

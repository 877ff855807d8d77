"""Metric expressions → blocks. Every node is evaluated at all steps at once."""

from dataclasses import dataclass

import duckdb
import numpy as np

from opsconductor.logql.block import Block
from opsconductor.logql.operators.binary_operation import operate_blocks, operate_scalar
from opsconductor.logql.operators.range_aggregation import aggregate_range
from opsconductor.logql.operators.vector_aggregation import aggregate_vector
from opsconductor.logql.plan import RangePlan, fold_sum, plan_range
from opsconductor.logql.request import Budget
from opsconductor.logql.result import Stats
from opsconductor.logql.scan import Scan
from opsconductor.logql.syntax import (
    BinaryOperation,
    MetricExpression,
    NumberLiteral,
    RangeAggregation,
    VectorAggregation,
    VectorLiteral,
)
from opsconductor.logql.windows import Windows
from opsconductor.storage.reader import Snapshot


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What every node needs: where the rows are, and at which times (ns) to evaluate."""

    snapshot: Snapshot
    connection: duckdb.DuckDBPyConnection
    steps: range
    budget: Budget
    stats: Stats

    def evaluate(self, expression: MetricExpression) -> Block | float:
        """The block of an expression; a number for an arithmetic expression of numbers."""
        match expression:
            case NumberLiteral(value):
                return value
            case VectorLiteral(value):
                return self._spread(value)
            case RangeAggregation():
                return self._aggregate_range(plan_range(expression, None))
            case VectorAggregation():
                return self._aggregate_vector(expression)
            case BinaryOperation():
                return self._operate(expression)

    def _aggregate_range(self, plan: RangePlan) -> Block:
        windows = Windows.of(self.steps, plan.aggregation.range_ns, plan.aggregation.offset_ns)
        bounds = windows.start_ns, windows.end_ns
        scan = Scan(self.snapshot, self.connection, plan.log, *bounds, self.budget, self.stats)
        return aggregate_range(plan, scan, windows)

    def _aggregate_vector(self, aggregation: VectorAggregation) -> Block:
        folded = fold_sum(aggregation)
        if folded is not None:
            return self._aggregate_range(folded)
        operand = self.evaluate(aggregation.operand)
        if not isinstance(operand, Block):
            operand = self._spread(operand)
        return aggregate_vector(aggregation, operand)

    def _spread(self, value: float) -> Block:
        """A number as a vector without labels."""
        shape = (1, len(self.steps))
        return Block([()], np.full(shape, value), np.ones(shape, np.bool_))

    def _operate(self, operation: BinaryOperation) -> Block:
        left, right = self.evaluate(operation.left), self.evaluate(operation.right)
        if isinstance(left, Block) and isinstance(right, Block):
            return operate_blocks(operation, left, right)
        return operate_scalar(operation, left, right)

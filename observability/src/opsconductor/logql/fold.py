"""Operations between two numbers, computed while the query is read, as Loki does."""

import numpy as np

from opsconductor.logql.arithmetic import ARITHMETIC, COMPARISONS
from opsconductor.logql.syntax import BinaryOperation, MetricExpression, NumberLiteral


def fold_operation(operation: BinaryOperation) -> MetricExpression:
    """The number that an operation between two numbers gives, else the operation itself.

    A comparison gives 1 or 0, with bool or without.
    """
    left, right = operation.left, operation.right
    if not (isinstance(left, NumberLiteral) and isinstance(right, NumberLiteral)):
        return operation
    compute = ARITHMETIC.get(operation.op) or COMPARISONS[operation.op]
    value = compute(np.array(left.value), np.array(right.value))
    return NumberLiteral(float(value), operation.at)

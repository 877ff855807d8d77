"""A query's tree over a storage snapshot → its result."""

import time
from collections.abc import Iterator

import duckdb

from opsconductor.logql.block import Block
from opsconductor.logql.errors import QueryError
from opsconductor.logql.evaluate import Evaluation
from opsconductor.logql.log_query import run_log_query
from opsconductor.logql.plan import plan_log_query
from opsconductor.logql.request import Budget, QueryParams
from opsconductor.logql.result import (
    Matrix,
    Result,
    Sample,
    Scalar,
    SeriesResult,
    Stats,
    Streams,
    Vector,
)
from opsconductor.logql.scan import Scan, heed_deadline
from opsconductor.logql.syntax import (
    BinaryOperation,
    Expression,
    LogQuery,
    MetricExpression,
    RangeAggregation,
    VectorAggregation,
)
from opsconductor.model.duration import format_duration
from opsconductor.model.errors import LimitError
from opsconductor.storage.reader import Snapshot


def run(
    snapshot: Snapshot,
    expression: Expression,
    params: QueryParams,
    connection: duckdb.DuckDBPyConnection,
    budget: Budget,
) -> Result:
    """Answer a query: Streams for a log query; for a metric query a Matrix, or with `instant` a Vector or Scalar.

    One query at a time may use a connection. Raises InputError (a query that cannot be answered), LimitError (its
    name is the limit's, its status 400 or 504) and QueryCancelledError.
    """
    started = time.monotonic()
    stats = Stats()
    with heed_deadline(connection, budget):
        if isinstance(expression, LogQuery):
            result: Result = _run_log_query(snapshot, expression, params, connection, budget, stats)
        else:
            result = _run_metric_query(snapshot, expression, params, connection, budget, stats)
    stats.seconds = time.monotonic() - started
    return result


def _run_log_query(
    snapshot: Snapshot,
    query: LogQuery,
    params: QueryParams,
    connection: duckdb.DuckDBPyConnection,
    budget: Budget,
    stats: Stats,
) -> Streams:
    if params.instant:
        raise QueryError(
            "log queries are not supported as an instant query type, please change your query to a range query type"
        )
    if params.limit > budget.max_entries:
        raise LimitError(
            f"max entries limit per query exceeded, limit > max_entries_limit_per_query "
            f"({params.limit} > {budget.max_entries})",
            "max_entries_limit_per_query",
            400,
        )
    _check_length(params.end_ns - params.start_ns, budget)
    plan = plan_log_query(query)
    return run_log_query(Scan(snapshot, connection, plan, params.start_ns, params.end_ns, budget, stats), params)


def _run_metric_query(
    snapshot: Snapshot,
    expression: MetricExpression,
    params: QueryParams,
    connection: duckdb.DuckDBPyConnection,
    budget: Budget,
    stats: Stats,
) -> Result:
    steps = params.steps()
    if len(steps) > budget.max_steps:
        raise QueryError(
            f"exceeded maximum resolution of {budget.max_steps} points per time series; "
            "increase the value of the step parameter"
        )
    longest = max((node.range_ns for node in _ranges(expression)), default=0)
    if longest:
        _check_length(steps[-1] - steps[0] + longest + 1_000_000, budget)
    evaluation = Evaluation(snapshot, connection, steps, budget, stats)
    value = evaluation.evaluate(expression)
    if isinstance(value, Block):
        stats.entries = int(value.present.sum())
    return _shape_result(value, params, steps, budget, stats)


def _ranges(expression: MetricExpression) -> Iterator[RangeAggregation]:
    match expression:
        case RangeAggregation():
            yield expression
        case VectorAggregation():
            yield from _ranges(expression.operand)
        case BinaryOperation():
            yield from _ranges(expression.left)
            yield from _ranges(expression.right)


def _check_length(length_ns: int, budget: Budget) -> None:
    if length_ns > budget.max_length_ns:
        raise LimitError(
            f"the query time range exceeds the limit (query length: {format_duration(length_ns)}, "
            f"limit: {format_duration(budget.max_length_ns)})",
            "max_query_length",
            400,
        )


def _shape_result(value: Block | float, params: QueryParams, steps: range, budget: Budget, stats: Stats) -> Result:
    if not isinstance(value, Block):
        if params.instant:
            return Scalar(params.end_ns, value, stats)
        return Matrix([SeriesResult({}, [(at, value) for at in steps])], stats)
    if len(value.labels) > budget.max_series:
        raise LimitError(
            f"maximum number of series ({budget.max_series}) reached for a single query; consider reducing query "
            "cardinality by adding more specific stream selectors, reducing the time range, or aggregating results "
            "with functions like sum(), count() or topk()",
            "max_query_series",
            400,
        )
    if params.instant:
        samples = zip(value.labels, value.values[:, 0].tolist(), strict=True)
        return Vector(params.end_ns, [Sample(dict(labels), number) for labels, number in samples], stats)
    ordered = value.sort()
    rows = zip(ordered.labels, ordered.values.tolist(), ordered.present.tolist(), strict=True)
    return Matrix(
        [
            SeriesResult(
                dict(labels),
                [(at, number) for at, number, there in zip(steps, numbers, present, strict=True) if there],
            )
            for labels, numbers, present in rows
        ],
        stats,
    )

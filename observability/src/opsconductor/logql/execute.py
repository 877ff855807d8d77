"""A query's tree over a storage snapshot → its result."""

import duckdb

from opsconductor.logql.request import Budget, QueryParams
from opsconductor.logql.result import Result
from opsconductor.logql.syntax import Expression


def run(
    snapshot: object,
    expression: Expression,
    params: QueryParams,
    connection: duckdb.DuckDBPyConnection,
    budget: Budget,
) -> Result:
    """Evaluate a query."""
    raise NotImplementedError

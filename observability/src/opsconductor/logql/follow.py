"""Live tail: the stages of a log query over rows as they arrive."""

from collections.abc import Mapping

import pyarrow as pa

from opsconductor.logql.result import StreamResult
from opsconductor.logql.syntax import Expression


class Follower:
    """Applies a log query to batches of new rows. Raises InputError for a metric query."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression

    def apply(self, rows: pa.Table, labels: Mapping[int, str]) -> list[StreamResult]:
        """Streams of the rows (time, series, line, metadata, sequence) that pass; `labels` maps series to its text."""
        raise NotImplementedError

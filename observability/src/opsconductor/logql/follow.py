"""Live tail: the stages of a log query over rows as they arrive."""

from collections.abc import Mapping

import pyarrow as pa

from opsconductor.logql.errors import QueryError
from opsconductor.logql.log_query import StreamCollector
from opsconductor.logql.operators.pipeline import compile_stages
from opsconductor.logql.operators.row import Row
from opsconductor.logql.result import StreamResult
from opsconductor.logql.select import matches_labels, read_labels
from opsconductor.logql.syntax import Expression, LogQuery


class Follower:
    """Applies a log query to batches of new rows. Raises QueryError for a metric query."""

    def __init__(self, expression: Expression) -> None:
        if not isinstance(expression, LogQuery):
            raise QueryError("cannot tail a metric query: only log queries have lines; write a selector and stages")
        self.query = expression
        self._run = compile_stages(expression.stages)
        self._wanted: dict[int, bool] = {}

    def _wants(self, series: int, labels: str) -> bool:
        """Whether the selector means the series, whose canonical label text is given."""
        wanted = self._wanted.get(series)
        if wanted is None:
            wanted = self._wanted[series] = matches_labels(read_labels(labels), self.query.matchers)
        return wanted

    def apply(self, rows: pa.Table, labels: Mapping[int, str]) -> list[StreamResult]:
        """Streams of those rows (time, series, line, metadata, sequence) that pass, each oldest first.

        `labels` maps a series to its canonical text.
        """
        ordered = rows.sort_by([("time", "ascending"), ("sequence", "ascending")])
        columns = (ordered.column(name).to_pylist() for name in ("time", "series", "line", "metadata"))
        collector = StreamCollector()
        for at, series, line, metadata in zip(*columns, strict=True):
            text = labels[series]
            if self._wants(series, text):
                row = Row(line, read_labels(text), dict(metadata or ()))
                if self._run(row):
                    collector.add(at, row)
        return collector.streams()

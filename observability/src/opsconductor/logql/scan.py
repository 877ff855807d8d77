"""Rows of a snapshot by SQL: a time range, the series of a selector, and line filters.

Everything that becomes SQL is built from here; values are parameters, file names are quoted in one place.
"""

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import numpy as np
import pyarrow as pa

from opsconductor.logql.errors import QueryCancelledError
from opsconductor.logql.operators.line_filter import filter_sql
from opsconductor.logql.plan import LogPlan
from opsconductor.logql.request import Budget
from opsconductor.logql.result import Stats
from opsconductor.logql.select import match_series, read_labels
from opsconductor.storage.reader import Part, Snapshot

FILES_A_QUERY = 64
"""How many files one statement reads, so that the deadline and a cancellation are heeded between them."""

_FEW_SERIES = 64
_BATCH_ROWS = 4_096
_WANTED, _HEAD = "logql_wanted_series", "logql_head"
Parameters = list[str | int]


class Scan:
    """The rows that a log query's matchers and line filters let through, in [start_ns, end_ns)."""

    def __init__(
        self,
        snapshot: Snapshot,
        connection: duckdb.DuckDBPyConnection,
        plan: LogPlan,
        start_ns: int,
        end_ns: int,
        budget: Budget,
        stats: Stats,
    ) -> None:
        self.connection = connection
        self.plan = plan
        self.budget = budget
        self.stats = stats
        self.start_ns = start_ns
        self.end_ns = end_ns
        known = snapshot.list_series(start_ns, end_ns)
        series = match_series(known, plan.matchers)
        ids = series.column("series").to_pylist()
        self.labels: Mapping[int, Mapping[str, str]] = {
            number: read_labels(text) for number, text in zip(ids, series.column("labels").to_pylist(), strict=True)
        }
        stats.series += len(ids)
        self.parts: list[Part] = list(snapshot.list_parts(start_ns, end_ns)) if ids else []
        self._series_sql, self._wanted = _select_series(
            series.column("series"), everything=len(ids) == known.num_rows
        )
        self._filters = [filter_sql(stage) for stage in plan.filters]

    def condition(self, *extra: str) -> tuple[str, Parameters]:
        """The WHERE clause of every statement, with its parameters; `extra` conditions bear none."""
        parameters: Parameters = [self.start_ns, self.end_ns]
        terms = ["time >= ?", "time < ?", *self._series_sql, *extra]
        for sql, needles in self._filters:
            terms.append(sql)
            parameters += needles
        return " AND ".join(terms), parameters

    def groups(self, parts: Sequence[Part]) -> Iterator[list[Part]]:
        """The parts in the order given, as many files together as one statement reads; a head comes alone."""
        files: list[Part] = []
        for part in parts:
            if part.table is None:
                files.append(part)
            if files and (part.table is not None or len(files) == FILES_A_QUERY):
                yield files
                files = []
            if part.table is not None:
                yield [part]
        if files:
            yield files

    def query(self, parts: Sequence[Part], sql: str, parameters: Parameters) -> pa.Table:
        """The answer of a statement in which {rows} stands for the rows of the parts (files, or one head)."""
        with self._statement(parts) as source:
            return self.connection.sql(sql.format(rows=source), params=parameters).to_arrow_table()

    def stream(self, parts: Sequence[Part], sql: str, parameters: Parameters) -> Generator[pa.RecordBatch]:
        """As `query`, batch by batch; close it, for the connection is busy until then."""
        with self._statement(parts) as source:
            reader = self.connection.sql(sql.format(rows=source), params=parameters).to_arrow_reader(_BATCH_ROWS)
            try:
                for batch in reader:
                    self.budget.check()
                    yield batch
            finally:
                reader.close()

    @contextmanager
    def _statement(self, parts: Sequence[Part]) -> Iterator[str]:
        self.budget.check()
        registered = []
        if self._wanted is not None:
            self.connection.register(_WANTED, self._wanted)
            registered.append(_WANTED)
        head = parts[0].table
        if head is not None:
            numbers = pa.array(np.arange(head.num_rows, dtype=np.int64))
            table = head.append_column("file_row_number", numbers).append_column("file_index", pa.nulls(len(numbers)))
            self.connection.register(_HEAD, table)
            registered.append(_HEAD)
        try:
            yield _HEAD if head is not None else _files_sql(parts)
        except duckdb.InterruptException as error:
            self.budget.check()
            raise QueryCancelledError from error
        finally:
            for name in registered:
                self.connection.unregister(name)


def _select_series(ids: pa.ChunkedArray, *, everything: bool) -> tuple[list[str], pa.Table | None]:
    """The condition that selects the series, with the table that it may need."""
    if everything:
        return [], None
    if len(ids) <= _FEW_SERIES:
        return [f"series IN ({', '.join(f'{number}::UBIGINT' for number in ids.to_pylist())})"], None
    return [f"series IN (SELECT series FROM {_WANTED})"], pa.table({"series": ids})


def _files_sql(parts: Iterable[Part]) -> str:
    names = ", ".join(_quote(str(part.path)) for part in parts)
    return f"read_parquet([{names}], file_row_number = true)"


def _quote(path: str) -> str:
    """A path as a SQL string that DuckDB takes literally, although it may look like a pattern."""
    for char in "[*?":
        path = path.replace(char, f"[{char}]") if char in path else path
    return "'" + path.replace("'", "''") + "'"


@contextmanager
def heed_deadline(connection: duckdb.DuckDBPyConnection, budget: Budget) -> Iterator[None]:
    """Interrupt the connection's statements once the budget's deadline has passed."""
    if budget.deadline is None:
        yield
        return
    finished = threading.Event()
    deadline = budget.deadline

    def watch() -> None:
        wait = max(0.0, deadline - time.monotonic())
        while not finished.wait(wait):
            connection.interrupt()
            wait = 0.05

    watcher = threading.Thread(target=watch, name="query-deadline", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()

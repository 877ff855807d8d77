"""SQL over parts of a snapshot: files together, the head as a table, series ids as a table."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from opsconductor.storage.reader import Part

HEAD, TRACES, NUMBERS = "spans_head", "wanted_traces", "wanted_rows"
_NUMBERED: Final = "file_row_number = true"


def query_parts(
    connection: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    columns: str,
    sql: str,
    parameters: Sequence[Any] = (),
    tables: Mapping[str, pa.Table] | None = None,
) -> pa.Table:
    """The answer of `sql`, whose first {rows} stands for `columns` of every row of the parts.

    tables: further tables by name. There must be a part; DuckDB reads a file of the parts while the snapshot is open.
    """
    files = ", ".join(quote_path(str(part.path)) for part in parts if part.path is not None)
    heads = [part.table for part in parts if part.table is not None]
    sources = [f"SELECT {columns} FROM read_parquet([{files}])"] if files else []
    named = dict(tables or {})
    if heads:
        named[HEAD] = pa.concat_tables(heads)
        sources.append(f"SELECT {columns} FROM {HEAD}")
    rows = " UNION ALL ".join(sources)
    with _registered(connection, named):
        return connection.sql(sql.replace("{rows}", f"({rows})", 1), params=list(parameters)).to_arrow_table()


def find_rows(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], trace_ids: pa.Array
) -> dict[str, list[int]]:
    """File → numbers of its rows of these traces, ascending; files without any are left out."""
    found: dict[str, list[int]] = {}
    if not files:
        return found
    source = f"read_parquet([{', '.join(quote_path(str(path)) for path in files)}], {_NUMBERED}, filename = true)"
    with _registered(connection, {TRACES: pa.table({"trace_id": trace_ids})}):
        rows = connection.sql(
            f"SELECT filename, file_row_number FROM {source} SEMI JOIN {TRACES} USING (trace_id) ORDER BY ALL"
        ).fetchall()
    for path, number in rows:
        found.setdefault(path, []).append(number)
    return found


def read_rows(
    connection: duckdb.DuckDBPyConnection, path: str, numbers: Sequence[int], columns: Sequence[str]
) -> pa.Table:
    """Columns of some rows of a file; numbers ascending, at least one. Other rows are skipped, not decoded."""
    with _registered(connection, {NUMBERS: pa.table({"file_row_number": pa.array(numbers, pa.int64())})}):
        return connection.sql(
            f"SELECT {', '.join(columns)} FROM read_parquet({quote_path(path)}, {_NUMBERED}) SEMI JOIN {NUMBERS} "
            f"USING (file_row_number) WHERE file_row_number BETWEEN {numbers[0]} AND {numbers[-1]}"
        ).to_arrow_table()


@contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> Iterator[None]:
    for name, table in tables.items():
        connection.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            connection.unregister(name)


def quote_text(text: str) -> str:
    """A SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quote_path(path: str) -> str:
    """A path as a SQL string that DuckDB takes literally, although it may look like a pattern."""
    return quote_text("".join(f"[{char}]" if char in "[*?" else char for char in path))

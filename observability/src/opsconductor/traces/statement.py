"""SQL over parts of a snapshot: files together, the head as a table, series ids as a table."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

import duckdb
import pyarrow as pa

from opsconductor.storage.reader import Part

HEAD: Final = "spans_head"


def query_parts(
    connection: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    columns: str,
    sql: str,
    parameters: Sequence[Any] = (),
    tables: dict[str, pa.Table] | None = None,
) -> pa.Table:
    """The answer of `sql`, in which {rows} stands for `columns` of every row of the parts.

    tables: further tables by name. There must be a part; DuckDB reads a file of the parts while the snapshot is open.
    """
    files = ", ".join(quote_path(str(part.path)) for part in parts if part.path is not None)
    heads = [part.table for part in parts if part.table is not None]
    sources = [f"SELECT {columns} FROM read_parquet([{files}])"] if files else []
    with ExitStack() as stack:
        named = dict(tables or {})
        if heads:
            named[HEAD] = pa.concat_tables(heads)
            sources.append(f"SELECT {columns} FROM {HEAD}")
        for name, table in named.items():
            connection.register(name, table)
            stack.callback(connection.unregister, name)
        rows = " UNION ALL ".join(sources)
        return connection.sql(sql.replace("{rows}", f"({rows})"), params=list(parameters)).to_arrow_table()


def quote_text(text: str) -> str:
    """A SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quote_path(path: str) -> str:
    """A path as a SQL string that DuckDB takes literally, although it may look like a pattern."""
    return quote_text("".join(f"[{char}]" if char in "[*?" else char for char in path))

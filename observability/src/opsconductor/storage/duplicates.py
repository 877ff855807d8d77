"""Exact duplicates: rows equal to another in every identity column. Vectorised, through DuckDB."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from opsconductor.storage.table import SERIES, TIME

Mask = npt.NDArray[np.bool_]
_ROW = "__row"


def mark_repeats(rows: pa.RecordBatch, identity: Sequence[str]) -> Mask | None:
    """True where a row repeats an earlier one of the batch, bool [rows]; None when no two share series and time.

    Only rows that share series and time with another are compared further.
    """
    times = rows.column(TIME).to_numpy(zero_copy_only=False)
    series = rows.column(SERIES).to_numpy(zero_copy_only=False)
    order = np.lexsort((times, series))
    same = (series[order][1:] == series[order][:-1]) & (times[order][1:] == times[order][:-1])
    if not same.any():
        return None
    shared = np.sort(order[np.concatenate((same, [False])) | np.concatenate(([False], same))])
    candidates = _number(rows.select(list(identity)).take(pa.array(shared)), shared)
    with _connect() as connection:
        connection.register("candidates", candidates)
        first = connection.sql(f"SELECT min({_ROW}) AS keep FROM candidates GROUP BY {_quote(identity)}")
        kept = first.to_arrow_table().column("keep").to_numpy()
    repeats = np.zeros(rows.num_rows, dtype=np.bool_)
    repeats[shared] = True
    repeats[kept] = False
    return repeats


def mark_stored(
    rows: pa.RecordBatch, identity: Sequence[str], segments: Iterable[Path], tables: Iterable[pa.Table]
) -> Mask:
    """True, bool [rows], where a row equals one in the segments or tables.

    A segment is first searched for (time, series), then only the rows found there are fetched and compared.
    """
    found: list[pa.Table] = []
    wanted = _number(rows.select(list(identity)), np.arange(rows.num_rows))
    with _connect() as connection:
        connection.register("wanted", wanted)
        low, high = (int(value) for value in _span(rows))
        for path in segments:
            found.extend(_fetch_segment(connection, path, identity, low, high))
        for table in tables:
            connection.register("stored", table.select(list(identity)))
            relation = connection.sql(
                f"SELECT {_quote(identity)} FROM stored SEMI JOIN wanted USING ({_quote((TIME, SERIES))}) "
                f"WHERE {TIME} BETWEEN {low} AND {high}"
            )
            found.append(relation.to_arrow_table())
        mask = np.zeros(rows.num_rows, dtype=np.bool_)
        for table in found:
            if table.num_rows:
                connection.register("found", table)
                equal = " AND ".join(f'wanted."{name}" IS NOT DISTINCT FROM found."{name}"' for name in identity)
                hits = connection.sql(f"SELECT {_ROW} FROM wanted SEMI JOIN found ON {equal}").to_arrow_table()
                mask[hits.column(_ROW).to_numpy()] = True
    return mask


def _fetch_segment(
    connection: duckdb.DuckDBPyConnection, path: Path, identity: Sequence[str], low: int, high: int
) -> list[pa.Table]:
    source = f"read_parquet({_literal(path)}, file_row_number = true)"
    numbers = connection.sql(
        f"SELECT file_row_number FROM {source} SEMI JOIN wanted USING ({_quote((TIME, SERIES))}) "
        f"WHERE {TIME} BETWEEN {low} AND {high}"
    ).to_arrow_table()
    if not numbers.num_rows:
        return []
    connection.register("numbers", numbers)
    ((low_row, high_row),) = connection.sql(
        "SELECT min(file_row_number), max(file_row_number) FROM numbers"
    ).fetchall()
    relation = connection.sql(
        f"SELECT {_quote(identity)} FROM {source} SEMI JOIN numbers USING (file_row_number) "
        f"WHERE file_row_number BETWEEN {low_row} AND {high_row}"
    )
    return [relation.to_arrow_table()]


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    """Made at first need and kept: starting DuckDB costs more than a comparison."""
    return duckdb.connect(config={"threads": 1, "memory_limit": "256MB"})


def _connect() -> duckdb.DuckDBPyConnection:
    """A connection of its own for one comparison; what it registers is seen by nobody else."""
    return _instance().cursor()


def _number(rows: pa.RecordBatch, numbers: npt.NDArray[np.int64]) -> pa.Table:
    return pa.Table.from_batches([rows]).append_column(_ROW, pa.array(numbers, pa.int64()))


def _span(rows: pa.RecordBatch) -> tuple[int, int]:
    times = rows.column(TIME).to_numpy(zero_copy_only=False)
    return times.min(), times.max()


def _quote(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

"""What every storage test needs: a small table, batches, and all rows of a tenant as plain tuples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from opsconductor.storage.append import Append, SourceRange
from opsconductor.storage.compactor import Compactor
from opsconductor.storage.reader import Part, Reader
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.table import TableSpec

METADATA = pa.map_(pa.string(), pa.string())
COLUMNS = pa.schema([("time", pa.int64()), ("series", pa.uint64()), ("line", pa.string()), ("metadata", METADATA)])
Row = tuple[int, int, str]


class Kit:
    """Helpers; stateless."""

    table = TableSpec("logs", COLUMNS, 1_000, ("time", "series", "line", "metadata"), ("line",))
    at_once = StorageSettings(flush_interval_ns=0, retention_ns=0, disk_reserve_bytes=0)
    settings = StorageSettings(retention_ns=0, disk_reserve_bytes=0)

    @staticmethod
    def rows(rows: Sequence[Row], metadata: Sequence[Any] | None = None) -> pa.RecordBatch:
        columns = list(zip(*rows, strict=True)) or [[], [], []]
        arrays = [pa.array(column, COLUMNS.field(index).type) for index, column in enumerate(columns)]
        return pa.RecordBatch.from_arrays([*arrays, pa.array(metadata or [[]] * len(rows), METADATA)], schema=COLUMNS)

    @classmethod
    def append(cls, tenant: str, rows: Sequence[Row], *sources: SourceRange) -> Append:
        series = sorted({row[1] for row in rows})
        return Append(tenant, cls.rows(rows), [(number, f'{{n="{number}"}}') for number in series], sources)

    @staticmethod
    def load(part: Part) -> pa.Table:
        return part.table if part.table is not None else pq.read_table(part.path)

    @classmethod
    def read(cls, data: Path, tenant: str = "t") -> list[tuple[int, int, str, int]]:
        """(time, series, line, sequence) of all rows, by sequence."""
        with Reader(data, cls.table).snapshot(tenant) as snapshot:
            tables = [cls.load(part) for part in snapshot.list_parts(-(2**62), 2**62)]
        found = [
            (row["time"], row["series"], row["line"], row["sequence"])
            for table in tables
            for row in table.to_pylist()
        ]
        return sorted(found, key=lambda row: row[3])

    @classmethod
    def lines(cls, data: Path, tenant: str = "t") -> list[str]:
        return [row[2] for row in cls.read(data, tenant)]

    @classmethod
    def flush(cls, data: Path, settings: StorageSettings | None = None) -> None:
        with Compactor(data, cls.table, settings or cls.at_once) as compactor:
            while compactor.run_once():
                pass


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    return Kit

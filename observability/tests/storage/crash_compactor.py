"""A compactor with small slices, to be killed: DATA."""

import sys
import threading
from pathlib import Path

import pyarrow as pa

from opsconductor.storage.compactor import Compactor
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.table import TableSpec

COLUMNS = pa.schema([("time", pa.int64()), ("series", pa.uint64()), ("line", pa.string())])
TABLE = TableSpec("logs", COLUMNS, 1_000, ("time", "series", "line"), ("line",))
SETTINGS = StorageSettings(
    retention_ns=0,
    flush_rows=100,
    flush_interval_ns=50_000_000,
    compactor_interval_ns=10_000_000,
    source_ttl_ns=10**18,
)

with Compactor(Path(sys.argv[1]), TABLE, SETTINGS) as compactor:
    compactor.run(threading.Event())

"""A compactor with small slices, to be killed: DATA. Prints 1 for each compaction, 0 when there was nothing to do."""

import sys
import time
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
    source_ttl_ns=10**18,
)

with Compactor(Path(sys.argv[1]), TABLE, SETTINGS) as compactor:
    while True:
        sys.stdout.write(f"{compactor.run_once():d}\n")
        sys.stdout.flush()
        time.sleep(0.01)

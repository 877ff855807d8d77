"""The table of logs in the storage engine."""

from typing import Final

import pyarrow as pa

from opsconductor.storage.table import TableSpec

METADATA_TYPE: Final = pa.map_(pa.string(), pa.string())

ROW_SCHEMA: Final = pa.schema(
    [("time", pa.int64()), ("series", pa.uint64()), ("line", pa.string()), ("metadata", METADATA_TYPE)]
)
"""One entry: time in ns since 1970, the stream's id, the line, its structured metadata."""

LOGS: Final = TableSpec(
    name="logs",
    columns=ROW_SCHEMA,
    bucket_ns=600 * 1_000_000_000,
    identity=("time", "series", "metadata", "line"),
    plain=("line",),
)

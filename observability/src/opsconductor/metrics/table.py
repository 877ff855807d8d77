"""The table of samples on the storage engine."""

import pyarrow as pa

from opsconductor.storage.table import TableSpec

HOUR_NS = 3_600_000_000_000

SAMPLES = TableSpec(
    "samples",
    pa.schema([("time", pa.int64()), ("series", pa.uint64()), ("value", pa.float64())]),
    bucket_ns=2 * HOUR_NS,
    identity=("time", "series", "value"),
)
"""One row a sample; the canonical labels of a series hold its metric name as __name__."""

EXEMPLARS = TableSpec(
    "exemplars",
    pa.schema([("time", pa.int64()), ("series", pa.uint64()), ("value", pa.float64()), ("labels", pa.string())]),
    bucket_ns=2 * HOUR_NS,
    identity=("time", "series", "value", "labels"),
)
"""One row an exemplar; labels is the canonical text of the exemplar's own labels."""

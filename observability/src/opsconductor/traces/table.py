"""The table of spans in the storage engine.

An attribute is (key, type, value): type is the field number of the protocol's AnyValue, value its text as the query
API renders it, so that a search is one comparison and any Parquet reader can read it. What an array or a map holds is
JSON; bytes are base64.
"""

from typing import Final

import pyarrow as pa

from opsconductor.storage.table import TableSpec

TENANT: Final = "default"

STRING, BOOL, INT, DOUBLE, ARRAY, MAP, BYTES = 1, 2, 3, 4, 5, 6, 7
EMPTY: Final = 0
"""The type of an attribute without a value."""

ATTRIBUTE_TYPE: Final = pa.struct([("key", pa.string()), ("type", pa.uint8()), ("value", pa.string())])
ATTRIBUTES_TYPE: Final = pa.list_(ATTRIBUTE_TYPE)
EVENTS_TYPE: Final = pa.list_(
    pa.struct(
        [("time", pa.int64()), ("name", pa.string()), ("attributes", ATTRIBUTES_TYPE), ("dropped", pa.uint32())]
    )
)
LINKS_TYPE: Final = pa.list_(
    pa.struct(
        [
            ("trace_id", pa.binary()),
            ("span_id", pa.binary()),
            ("trace_state", pa.string()),
            ("attributes", ATTRIBUTES_TYPE),
            ("dropped", pa.uint32()),
            ("flags", pa.uint32()),
        ]
    )
)

ROW_SCHEMA: Final = pa.schema(
    [
        ("time", pa.int64()),
        ("series", pa.uint64()),
        ("trace_id", pa.binary()),
        ("span_id", pa.binary()),
        ("parent_span_id", pa.binary()),
        ("duration", pa.int64()),
        ("status", pa.int8()),
        ("status_message", pa.string()),
        ("flags", pa.uint32()),
        ("trace_state", pa.string()),
        ("attributes", ATTRIBUTES_TYPE),
        ("events", EVENTS_TYPE),
        ("links", LINKS_TYPE),
        ("resource", ATTRIBUTES_TYPE),
        ("scope_name", pa.string()),
        ("scope_version", pa.string()),
        ("scope_attributes", ATTRIBUTES_TYPE),
        ("dropped_attributes", pa.uint32()),
        ("dropped_events", pa.uint32()),
        ("dropped_links", pa.uint32()),
    ]
)
"""One span: time is its start in ns since 1970, duration in ns, at least 1; trace_id 16 bytes, span_id 8,
parent_span_id 8 or none; status 0 unset, 1 ok, 2 error. The labels of its series are service, operation and kind
(absent where unspecified)."""

SPANS: Final = TableSpec(
    name="spans",
    columns=ROW_SCHEMA,
    bucket_ns=600 * 1_000_000_000,
    identity=("time", "series", "trace_id", "span_id"),
    plain=("trace_id", "span_id", "parent_span_id"),
)

KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
"""The label `kind` by the protocol's number; "" is unspecified."""

"""The protocol's messages, described once and built three ways: columns, messages to fill, values to render.

Spec: opentelemetry-proto, trace/v1, common/v1 and collector/trace/v1.
"""

from functools import cache
from typing import Any, Final

from opsconductor.model.protobuf import Fields, build_pool, columns_handler, message_class

PACKAGE: Final = "opsconductor.otlp"
REQUEST: Final = "ExportTraceServiceRequest"


def _fields(*fields: tuple[str, str, int] | tuple[str, str, int, bool]) -> Fields:
    return tuple((name, kind, number, bool(more)) for name, kind, number, *more in fields)


MESSAGES: Final[dict[str, Fields]] = {
    "AnyValue": _fields(
        ("string_value", "text", 1),
        ("bool_value", "bool", 2),
        ("int_value", "int64", 3),
        ("double_value", "double", 4),
        ("array_value", "ArrayValue", 5),
        ("kvlist_value", "KeyValueList", 6),
        ("bytes_value", "bytes", 7),
    ),
    "ArrayValue": _fields(("values", "AnyValue", 1, True)),
    "KeyValueList": _fields(("values", "KeyValue", 1, True)),
    "KeyValue": _fields(("key", "text", 1), ("value", "AnyValue", 2)),
    "Resource": _fields(("attributes", "KeyValue", 1, True), ("dropped_attributes_count", "uint32", 2)),
    "Scope": _fields(
        ("name", "text", 1),
        ("version", "text", 2),
        ("attributes", "KeyValue", 3, True),
        ("dropped_attributes_count", "uint32", 4),
    ),
    "Event": _fields(
        ("time_unix_nano", "fixed64", 1),
        ("name", "text", 2),
        ("attributes", "KeyValue", 3, True),
        ("dropped_attributes_count", "uint32", 4),
    ),
    "Link": _fields(
        ("trace_id", "bytes", 1),
        ("span_id", "bytes", 2),
        ("trace_state", "text", 3),
        ("attributes", "KeyValue", 4, True),
        ("dropped_attributes_count", "uint32", 5),
        ("flags", "fixed32", 6),
    ),
    "Status": _fields(("message", "text", 2), ("code", "int32", 3)),
    "Span": _fields(
        ("trace_id", "bytes", 1),
        ("span_id", "bytes", 2),
        ("trace_state", "text", 3),
        ("parent_span_id", "bytes", 4),
        ("name", "text", 5),
        ("kind", "int32", 6),
        ("start_time_unix_nano", "fixed64", 7),
        ("end_time_unix_nano", "fixed64", 8),
        ("attributes", "KeyValue", 9, True),
        ("dropped_attributes_count", "uint32", 10),
        ("events", "Event", 11, True),
        ("dropped_events_count", "uint32", 12),
        ("links", "Link", 13, True),
        ("dropped_links_count", "uint32", 14),
        ("status", "Status", 15),
        ("flags", "fixed32", 16),
    ),
    "ScopeSpans": _fields(("scope", "Scope", 1), ("spans", "Span", 2, True)),
    "ResourceSpans": _fields(("resource", "Resource", 1), ("scope_spans", "ScopeSpans", 2, True)),
    REQUEST: _fields(("resource_spans", "ResourceSpans", 1, True)),
    "PartialSuccess": _fields(("rejected_spans", "int64", 1), ("error_message", "text", 2)),
    "ExportTraceServiceResponse": _fields(("partial_success", "PartialSuccess", 1)),
    "RpcStatus": _fields(("code", "int32", 1), ("message", "text", 2)),
}
"""Every field that we read; "text" is declared as bytes for columns and as string for messages."""

_NESTED: Final = ("ArrayValue", "KeyValueList")


@cache
def request_handler() -> Any:
    """Columns of a request: handler.list_to_record_batch([body]). Arrays and maps of attributes stay encoded."""
    opaque = {"text": "bytes", **dict.fromkeys(_NESTED, "bytes")}
    messages = {
        message: tuple((name, opaque.get(kind, kind), number, many) for name, kind, number, many in fields)
        for message, fields in MESSAGES.items()
        if message not in _NESTED
    }
    return columns_handler(build_pool(PACKAGE, messages, ("AnyValue",)), PACKAGE, REQUEST)


@cache
def _pool() -> Any:
    messages = {
        message: tuple(
            (name, "string" if kind == "text" else kind, number, many) for name, kind, number, many in fields
        )
        for message, fields in MESSAGES.items()
    }
    return build_pool(PACKAGE, messages, ("AnyValue",))


@cache
def message_type(name: str) -> Any:
    """The Python class of a message."""
    return message_class(_pool(), PACKAGE, name)

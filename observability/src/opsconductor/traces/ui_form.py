"""Traces in the form of the v1 API. Spec: the original's uimodel, and the collector's translation from OTLP."""

from typing import Any, Final

from opsconductor.traces.span import SERVICE_KEY, Attribute, Event, Link, Span, Trace
from opsconductor.traces.table import ARRAY, BOOL, BYTES, DOUBLE, EMPTY, INT, KINDS, MAP, STRING

MAX_SAFE_INTEGER: Final = (1 << 53) - 1
STATUS_NAMES: Final = ("", "OK", "ERROR")
REF_TYPE_KEY: Final = "opentracing.ref_type"
TYPE_NAMES: Final = {
    EMPTY: "string",
    STRING: "string",
    BOOL: "bool",
    INT: "int64",
    DOUBLE: "float64",
    BYTES: "binary",
    ARRAY: "string",
    MAP: "string",
}


def format_trace_id(trace_id: bytes) -> str:
    """Hexadecimal; 16 digits where the first 8 bytes are zero."""
    return trace_id[8:].hex() if trace_id[:8] == bytes(8) else trace_id.hex()


def show_trace(trace: Trace) -> dict[str, Any]:
    """One trace with at least one span."""
    processes: dict[tuple[Attribute, ...], str] = {}
    spans = []
    for span in trace:
        process = processes.setdefault(span.resource, f"p{len(processes) + 1}")
        spans.append(_show_span(span, process))
    return {
        "traceID": format_trace_id(trace[0].trace_id),
        "spans": spans,
        "processes": {name: _show_process(resource) for resource, name in processes.items()},
        "warnings": None,
    }


def _show_process(resource: tuple[Attribute, ...]) -> dict[str, Any]:
    named, *others = resource
    return {"serviceName": named.value, "tags": [_show_tag(one) for one in others if one.key != SERVICE_KEY]}


def _show_span(span: Span, process: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "traceID": format_trace_id(span.trace_id),
        "spanID": span.span_id.hex(),
        "operationName": span.operation,
        "references": _show_references(span),
        "startTime": span.start_ns // 1000,
        "duration": span.duration_ns // 1000,
        "tags": _show_tags(span),
        "logs": [_show_log(event) for event in span.events],
        "processID": process,
        "warnings": span.warnings or None,
    }
    if span.flags:
        shown["flags"] = span.flags
    return shown


def _show_references(span: Span) -> list[dict[str, str]]:
    found = [_show_reference("CHILD_OF", span.trace_id, span.parent_id)] if span.parent_id else []
    return found + [_show_reference(_find_type(link), link.trace_id, link.span_id) for link in span.links]


def _find_type(link: Link) -> str:
    is_child = any(one.key == REF_TYPE_KEY and one.value == "child_of" for one in link.attributes)
    return "CHILD_OF" if is_child else "FOLLOWS_FROM"


def _show_reference(kind: str, trace_id: bytes, span_id: bytes) -> dict[str, str]:
    return {"refType": kind, "traceID": format_trace_id(trace_id), "spanID": span_id.hex()}


def _show_tags(span: Span) -> list[dict[str, Any]]:
    """Scope, attributes, then fields, in the order of the original's translation."""
    scope = [("otel.scope.name", span.scope.name), ("otel.scope.version", span.scope.version)]
    fields = [("span.kind", KINDS[span.kind]), ("otel.status_code", STATUS_NAMES[span.status])]
    tags = [_text_tag(key, value) for key, value in scope if value]
    tags += [_show_tag(one) for one in span.scope.attributes]
    tags += [_show_tag(one) for one in span.attributes]
    tags += [_text_tag(key, value) for key, value in fields if value]
    if span.status == 2:
        tags.append({"key": "error", "type": "bool", "value": True})
    rest = [("otel.status_description", span.status_message), ("w3c.tracestate", span.trace_state)]
    return tags + [_text_tag(key, value) for key, value in rest if value]


def _show_log(event: Event) -> dict[str, Any]:
    fields = [_text_tag("event", event.name)] if event.name else []
    return {"timestamp": event.time_ns // 1000, "fields": fields + [_show_tag(one) for one in event.attributes]}


def _text_tag(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "type": "string", "value": value}


def _show_tag(attribute: Attribute) -> dict[str, Any]:
    return {"key": attribute.key, "type": TYPE_NAMES[attribute.type], "value": _show_value(attribute)}


def _show_value(attribute: Attribute) -> str | int | float | bool:
    text = attribute.value
    if attribute.type == BOOL:
        return text == "true"
    if attribute.type == INT:
        return number if abs(number := int(text)) <= MAX_SAFE_INTEGER else text
    return float(text) if attribute.type == DOUBLE else text

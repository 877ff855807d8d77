"""Traces in the form of the v3 API: the protocol's own JSON. Spec: OTLP "JSON Protobuf Encoding"."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from opsconductor.traces.span import Attribute, Event, Link, Scope, Span, Trace
from opsconductor.traces.table import ARRAY, BOOL, BYTES, DOUBLE, INT, MAP, STRING

WARNINGS_KEY = "@jaeger@warnings"


def show_resource_spans(traces: Iterable[Trace]) -> list[dict[str, Any]]:
    """Resources of each trace, in each the scopes, in each the spans."""
    return [resource for trace in traces for resource in _show_resources(trace)]


def _show_resources(trace: Trace) -> list[dict[str, Any]]:
    resources: dict[tuple[Attribute, ...], dict[Scope, list[dict[str, Any]]]] = {}
    for span in trace:
        resources.setdefault(span.resource, {}).setdefault(span.scope, []).append(_show_span(span))
    return [
        {
            "resource": {"attributes": _show_attributes(resource)},
            "scopeSpans": [{"scope": _show_scope(scope), "spans": spans} for scope, spans in scopes.items()],
        }
        for resource, scopes in resources.items()
    ]


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields that are not the protocol's defaults."""
    return {name: value for name, value in fields.items() if value or value is None}


def _show_scope(scope: Scope) -> dict[str, Any]:
    attributes = _show_attributes(scope.attributes)
    return _filled({"name": scope.name, "version": scope.version, "attributes": attributes})


def _show_span(span: Span) -> dict[str, Any]:
    warnings = [{"stringValue": text} for text in span.warnings]
    attributes = _show_attributes(span.attributes)
    if warnings:
        attributes.append({"key": WARNINGS_KEY, "value": {"arrayValue": {"values": warnings}}})
    attributes_dropped, events_dropped, links_dropped = span.dropped
    shown = _filled(
        {
            "traceId": span.trace_id.hex(),
            "spanId": span.span_id.hex(),
            "traceState": span.trace_state,
            "parentSpanId": span.parent_id.hex(),
            "flags": span.flags,
            "name": span.operation,
            "kind": span.kind,
            "startTimeUnixNano": str(span.start_ns or ""),
            "endTimeUnixNano": str(span.start_ns + span.duration_ns),
            "attributes": attributes,
            "droppedAttributesCount": attributes_dropped,
            "events": [_show_event(event) for event in span.events],
            "droppedEventsCount": events_dropped,
            "links": [_show_link(link) for link in span.links],
            "droppedLinksCount": links_dropped,
        }
    )
    shown["status"] = _filled({"message": span.status_message, "code": span.status})
    return shown


def _show_event(event: Event) -> dict[str, Any]:
    return _filled(
        {
            "timeUnixNano": str(event.time_ns or ""),
            "name": event.name,
            "attributes": _show_attributes(event.attributes),
            "droppedAttributesCount": event.dropped,
        }
    )


def _show_link(link: Link) -> dict[str, Any]:
    return _filled(
        {
            "traceId": link.trace_id.hex(),
            "spanId": link.span_id.hex(),
            "traceState": link.trace_state,
            "attributes": _show_attributes(link.attributes),
            "droppedAttributesCount": link.dropped,
            "flags": link.flags,
        }
    )


def _show_attributes(attributes: Sequence[Attribute]) -> list[dict[str, Any]]:
    return [{"key": one.key, "value": _show_value(one)} for one in attributes]


def _show_value(attribute: Attribute) -> dict[str, Any]:
    text = attribute.value
    if attribute.type == BOOL:
        return {"boolValue": text == "true"}
    if attribute.type == DOUBLE:
        return {"doubleValue": float(text)}
    if attribute.type in (ARRAY, MAP):
        return _wrap(orjson.loads(text))
    name = {STRING: "stringValue", INT: "intValue", BYTES: "bytesValue"}.get(attribute.type)
    return {name: text} if name else {}


def _wrap(value: Any) -> dict[str, Any]:
    """A JSON value as a typed one."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_wrap(one) for one in value]}}
    if isinstance(value, dict):
        entries = [{"key": key, "value": _wrap(one)} for key, one in value.items()]
        return {"kvlistValue": {"values": entries}}
    return {}

"""Spans as the two generations show them, and what the adjustments do."""

from opsconductor.traces.adjustment import adjust_trace
from opsconductor.traces.otlp_form import show_resource_spans
from opsconductor.traces.span import Attribute, Event, Link, Scope, Span
from opsconductor.traces.table import ARRAY, BOOL, BYTES, DOUBLE, EMPTY, INT, MAP, STRING
from opsconductor.traces.ui_form import show_trace

TRACE = bytes(range(16))


def make_span(**fields):
    service = fields.pop("service", "auth")
    return Span(
        **{
            "trace_id": TRACE,
            "span_id": b"12345678",
            "parent_id": b"",
            "service": service,
            "operation": "op",
            "kind": 0,
            "start_ns": 1_000_000_500,
            "duration_ns": 2500,
            "status": 0,
            "status_message": "",
            "flags": 0,
            "trace_state": "",
            "attributes": [],
            "events": [],
            "links": [],
            "resource": (Attribute("service.name", STRING, service),),
            "scope": Scope("", "", ()),
            "dropped": (0, 0, 0),
            **fields,
        }
    )


def tag(key, kind, value):
    return {"key": key, "type": kind, "value": value}


ATTRIBUTES = [
    Attribute("text", STRING, "a"),
    Attribute("yes", BOOL, "true"),
    Attribute("no", BOOL, "false"),
    Attribute("number", INT, "-5"),
    Attribute("large", INT, "9223372036854775222"),
    Attribute("half", DOUBLE, "72.5"),
    Attribute("blob", BYTES, "AAAwOQ=="),
    Attribute("list", ARRAY, '["a",1,true,2.5,null,{"b":"c"}]'),
    Attribute("map", MAP, '{"d":1}'),
    Attribute("none", EMPTY, ""),
]


def test_tags_keep_their_types():
    (span,) = show_trace([make_span(attributes=ATTRIBUTES)])["spans"]
    assert span["tags"] == [
        tag("text", "string", "a"),
        tag("yes", "bool", True),
        tag("no", "bool", False),
        tag("number", "int64", -5),
        tag("large", "int64", "9223372036854775222"),
        tag("half", "float64", 72.5),
        tag("blob", "binary", "AAAwOQ=="),
        tag("list", "string", '["a",1,true,2.5,null,{"b":"c"}]'),
        tag("map", "string", '{"d":1}'),
        tag("none", "string", ""),
    ]


def test_values_of_the_protocols_own_form():
    (resource,) = show_resource_spans([[make_span(attributes=ATTRIBUTES)]])
    values = {one["key"]: one["value"] for one in resource["scopeSpans"][0]["spans"][0]["attributes"]}
    inner = {"kvlistValue": {"values": [{"key": "b", "value": {"stringValue": "c"}}]}}
    assert values == {
        "text": {"stringValue": "a"},
        "yes": {"boolValue": True},
        "no": {"boolValue": False},
        "number": {"intValue": "-5"},
        "large": {"intValue": "9223372036854775222"},
        "half": {"doubleValue": 72.5},
        "blob": {"bytesValue": "AAAwOQ=="},
        "list": {
            "arrayValue": {
                "values": [
                    {"stringValue": "a"},
                    {"intValue": "1"},
                    {"boolValue": True},
                    {"doubleValue": 2.5},
                    {},
                    inner,
                ]
            }
        },
        "map": {"kvlistValue": {"values": [{"key": "d", "value": {"intValue": "1"}}]}},
        "none": {},
    }


def test_fields_become_tags():
    span = make_span(
        kind=2,
        status=2,
        status_message="broken",
        trace_state="a=b",
        flags=1,
        scope=Scope("lib", "1.0", ()),
        attributes=[Attribute("k", STRING, "v")],
    )
    (shown,) = show_trace([span])["spans"]
    assert shown["flags"] == 1
    assert shown["tags"] == [
        tag("otel.scope.name", "string", "lib"),
        tag("otel.scope.version", "string", "1.0"),
        tag("k", "string", "v"),
        tag("span.kind", "string", "server"),
        tag("otel.status_code", "string", "ERROR"),
        tag("error", "bool", True),
        tag("otel.status_description", "string", "broken"),
        tag("w3c.tracestate", "string", "a=b"),
    ]


def test_a_trace_of_the_first_generation():
    event = Event(7_000, "boom", [Attribute("k", INT, "1")], 0)
    child_of = [Attribute("opentracing.ref_type", STRING, "child_of")]
    links = [Link(b"\0" * 15 + b"\x01", b"abcdefgh", "", child_of, 0, 0), Link(TRACE, b"ijklmnop", "", [], 0, 0)]
    host = Attribute("host", STRING, "one")
    other = make_span(service="backend", span_id=b"87654321", parent_id=b"12345678", events=[event], links=links)
    other.resource = (*other.resource, host)
    trace = show_trace([make_span(), other])
    assert trace["traceID"] == TRACE.hex()
    assert trace["processes"] == {
        "p1": {"serviceName": "auth", "tags": []},
        "p2": {"serviceName": "backend", "tags": [tag("host", "string", "one")]},
    }
    first, second = trace["spans"]
    assert (first["processID"], first["startTime"], first["duration"]) == ("p1", 1_000_000, 2)
    assert (first["references"], first["logs"], first["tags"], first["warnings"]) == ([], [], [], None)
    assert second["references"] == [
        {"refType": "CHILD_OF", "traceID": TRACE.hex(), "spanID": b"12345678".hex()},
        {"refType": "CHILD_OF", "traceID": "0000000000000001", "spanID": b"abcdefgh".hex()},
        {"refType": "FOLLOWS_FROM", "traceID": TRACE.hex(), "spanID": b"ijklmnop".hex()},
    ]
    assert second["logs"] == [{"timestamp": 7, "fields": [tag("event", "string", "boom"), tag("k", "int64", 1)]}]


def test_adjustments():
    nothing = Link(bytes(16), b"abcdefgh", "", [], 0, 0)
    address = Attribute("peer.ipv4", INT, str(8 << 24 | 8 << 16 | 4 << 8 | 4))
    spans = [
        make_span(span_id=b"bbbbbbbb", start_ns=2, parent_id=b"aaaaaaaa", links=[nothing]),
        make_span(span_id=b"aaaaaaaa", start_ns=1, attributes=[Attribute("z", STRING, "1"), address]),
        make_span(span_id=b"aaaaaaaa", start_ns=1, attributes=[Attribute("z", STRING, "1"), address]),
        make_span(span_id=b"bbbbbbbb", start_ns=3, parent_id=b"aaaaaaaa"),
        make_span(span_id=b"cccccccc", start_ns=4, parent_id=b"dddddddd"),
    ]
    shown = adjust_trace(spans)
    assert [(span.start_ns, span.span_id[:1]) for span in shown] == [(1, b"a"), (2, b"b"), (3, b"b"), (4, b"c")]
    assert shown[0].attributes == [Attribute("peer.ipv4", STRING, "8.8.4.4"), Attribute("z", STRING, "1")]
    assert shown[1].links == []
    assert shown[1].warnings == ["Invalid span link removed"]
    assert shown[2].warnings == ["duplicate span IDs; skipping clock skew adjustment"]
    assert shown[3].warnings == [
        "parent span ID=6464646464646464 is not in the trace; skipping clock skew adjustment"
    ]


def test_warnings_are_an_attribute_of_the_protocols_own_form():
    (resource,) = show_resource_spans([adjust_trace([make_span(parent_id=b"dddddddd")])])
    ((attribute,),) = [span["attributes"] for span in resource["scopeSpans"][0]["spans"]]
    assert attribute["key"] == "@jaeger@warnings"
    assert len(attribute["value"]["arrayValue"]["values"]) == 1

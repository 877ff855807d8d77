"""Bodies into columns: against a slow reading of the same message, and under damage."""

import base64
import json
import math
import random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsconductor.model.errors import InputError
from opsconductor.traces.admission import SeriesCache, admit
from opsconductor.traces.decoding import decode_request
from opsconductor.traces.json_decoding import encode_json_request
from opsconductor.traces.messages import REQUEST, message_type
from opsconductor.traces.table import ARRAY, BOOL, BYTES, DOUBLE, EMPTY, INT, MAP, STRING

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.floats(allow_nan=False),
        TEXT,
        st.binary(max_size=3),
    ),
    lambda values: st.one_of(st.lists(values, max_size=2), st.dictionaries(TEXT, values, max_size=2)),
    max_leaves=4,
)
ATTRIBUTES = st.lists(st.tuples(TEXT, VALUES), max_size=3)
SPAN = st.fixed_dictionaries(
    {
        "name": TEXT,
        "kind": st.integers(-1, 7),
        "start": st.integers(0, (1 << 64) - 1),
        "end": st.integers(0, (1 << 64) - 1),
        "trace_id": st.one_of(st.binary(min_size=16, max_size=16), st.binary(max_size=17), st.just(bytes(16))),
        "span_id": st.one_of(st.binary(min_size=8, max_size=8), st.just(bytes(8)), st.just(b"")),
        "parent": st.sampled_from([b"", b"12345678", b"short", bytes(8)]),
        "status": st.integers(-1, 4),
        "attributes": ATTRIBUTES,
        "events": st.lists(ATTRIBUTES, max_size=2),
        "links": st.lists(ATTRIBUTES, max_size=2),
    }
)
RESOURCES = st.lists(
    st.tuples(ATTRIBUTES, st.lists(st.tuples(TEXT, st.lists(SPAN, max_size=3)), max_size=2)), max_size=3
)


def set_value(message, value):
    match value:
        case None:
            return
        case bool():
            message.bool_value = value
        case int():
            message.int_value = value
        case float():
            message.double_value = value
        case str():
            message.string_value = value
        case bytes():
            message.bytes_value = value
        case list():
            message.array_value.SetInParent()
            for one in value:
                set_value(message.array_value.values.add(), one)
        case dict():
            message.kvlist_value.SetInParent()
            set_attributes(message.kvlist_value.values, value.items())


def set_attributes(target, pairs):
    for key, value in pairs:
        set_value(target.add(key=key).value, value)


def build(resources):
    request = message_type(REQUEST)()
    for attributes, scopes in resources:
        resource = request.resource_spans.add()
        set_attributes(resource.resource.attributes, attributes)
        for name, spans in scopes:
            scope = resource.scope_spans.add(scope={"name": name})
            for one in spans:
                span = scope.spans.add(
                    name=one["name"],
                    kind=one["kind"],
                    start_time_unix_nano=one["start"],
                    end_time_unix_nano=one["end"],
                    trace_id=one["trace_id"],
                    span_id=one["span_id"],
                    parent_span_id=one["parent"],
                    status={"code": one["status"]},
                )
                set_attributes(span.attributes, one["attributes"])
                for pairs in one["events"]:
                    set_attributes(span.events.add(name="event", time_unix_nano=7).attributes, pairs)
                for pairs in one["links"]:
                    set_attributes(span.links.add(trace_id=b"t", span_id=b"s").attributes, pairs)
    return request


def plain(value):
    """What is inside an array or a map, as JSON."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case list():
            return [plain(one) for one in value]
        case dict():
            return {key: plain(one) for key, one in value.items()}
    return value


def expect_attribute(key, value):
    match value:
        case None:
            return key, EMPTY, ""
        case bool():
            return key, BOOL, "true" if value else "false"
        case int():
            return key, INT, str(value)
        case float():
            return key, DOUBLE, value
        case str():
            return key, STRING, value
        case bytes():
            return key, BYTES, base64.b64encode(value).decode()
        case list():
            return key, ARRAY, orjson.dumps(plain(value)).decode()
    return key, MAP, orjson.dumps(plain(value)).decode()


def read_attributes(items):
    return [
        (item["key"], item["type"], float(item["value"]) if item["type"] == DOUBLE else item["value"])
        for item in items
    ]


def name_service(attributes):
    found = "missing-service-name"
    for key, value in attributes:
        if key == "service.name":
            found = (value or "empty-service-name") if isinstance(value, str) else "service-name-wrong-type"
    return found


@settings(max_examples=60)
@given(RESOURCES)
def test_columns_are_what_a_slow_reading_gives(resources):
    decoded = decode_request(build(resources).SerializeToString())
    flat = [(attributes, name, span) for attributes, scopes in resources for name, spans in scopes for span in spans]
    assert len(decoded) == len(flat)
    columns = {name: column.to_pylist() for name, column in decoded.columns.items()}
    services, operations = decoded.service.to_pylist(), decoded.operation.to_pylist()
    for row, (attributes, scope, span) in enumerate(flat):
        assert services[row] == name_service(attributes)
        assert operations[row] == (span["name"] or "empty-span-name")
        assert decoded.kind[row] == (span["kind"] if 0 <= span["kind"] <= 5 else 0)
        assert (decoded.start[row], decoded.end[row]) == (span["start"], span["end"])
        assert columns["status"][row] == (span["status"] if 0 <= span["status"] <= 2 else 0)
        assert columns["scope_name"][row] == scope
        for column, pairs in (("resource", attributes), ("attributes", span["attributes"])):
            assert read_attributes(columns[column][row]) == [expect_attribute(*pair) for pair in pairs]
        for column in ("events", "links"):
            found = [read_attributes(one["attributes"]) for one in columns[column][row]]
            assert found == [[expect_attribute(*pair) for pair in pairs] for pairs in span[column]]


@settings(max_examples=60)
@given(RESOURCES)
def test_admission_keeps_exactly_the_good_spans(resources):
    decoded = decode_request(build(resources).SerializeToString())
    oldest = 1 << 40
    admitted = admit(decoded, SeriesCache(), oldest)
    good = [
        span
        for _, scopes in resources
        for _, spans in scopes
        for span in spans
        if len(span["trace_id"]) == 16
        and any(span["trace_id"])
        and any(span["span_id"])
        and oldest <= span["start"] < 1 << 63
    ]
    rows = admitted.rows.to_pylist()
    assert [(row["trace_id"], row["span_id"], row["time"]) for row in rows] == [
        (span["trace_id"], span["span_id"], span["start"]) for span in good
    ]
    assert [row["duration"] for row in rows] == [max(1, min(s["end"], (1 << 63) - 1) - s["start"]) for s in good]
    assert [row["parent_span_id"] for row in rows] == [
        s["parent"] if s["parent"] == b"12345678" else b"" for s in good
    ]
    assert admitted.refused_count == len(decoded) - len(good)
    assert {row["series"] for row in rows} <= {number for number, _ in admitted.series}


def test_text_that_is_not_utf_8_is_repaired_in_its_own_value():
    request = message_type(REQUEST)()
    scope = request.resource_spans.add().scope_spans.add()
    for name in ("XXXX", "good"):
        scope.spans.add(name=name, trace_id=bytes(range(16)), span_id=b"12345678").attributes.add(key=name)
    body = request.SerializeToString().replace(b"XXXX", b"X\xff\xfeX")
    decoded = decode_request(body)
    assert decoded.operation.to_pylist() == ["X\ufffd\ufffdX", "good"]
    assert [one[0]["key"] for one in decoded.columns["attributes"].to_pylist()] == ["X\ufffd\ufffdX", "good"]


def some_request():
    span = {
        "name": "op",
        "kind": 2,
        "start": 10**18,
        "end": 10**18 + 5,
        "trace_id": bytes(range(16)),
        "span_id": b"12345678",
        "parent": b"",
        "status": 1,
        "attributes": [("a", "b"), ("c", [1, 2.5, {"d": b"e"}]), ("f", True)],
        "events": [[("g", 1)]],
        "links": [[("h", 2.5)]],
    }
    return build([([("service.name", "auth")], [("scope", [span] * 3)])])


def damage(chance, body):
    body = bytearray(body)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(body))
        match chance.randrange(4):
            case 0:
                body[at] = chance.randrange(256)
            case 1:
                del body[at : at + chance.randrange(1, 9)]
            case 2:
                body[at:at] = chance.randbytes(chance.randrange(1, 9))
            case _:
                body[at:at] = body[at : at + 20]
        body = body or bytearray(b"x")
    return bytes(body)


def test_a_damaged_body_is_refused_or_read_never_more():
    chance, whole = random.Random(1), some_request().SerializeToString()
    refused = 0
    for _ in range(3000):
        try:
            rows = admit(decode_request(damage(chance, whole)), SeriesCache(), 0).rows
        except InputError:
            refused += 1
        else:
            rows.validate(full=True)
    assert 0 < refused < 3000


def test_a_damaged_json_body_is_refused_or_read_never_more():
    document = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "auth"}}]},
                "scopeSpans": [
                    {
                        "scope": {"name": "x"},
                        "spans": [
                            {
                                "traceId": "0af7651916cd43dd8448eb211c80319c",
                                "spanId": "b7ad6b7169203331",
                                "name": "op",
                                "kind": 2,
                                "startTimeUnixNano": "1000",
                                "attributes": [
                                    {"key": "a", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}},
                                    {"key": "b", "value": {"bytesValue": "AAAwOQ=="}},
                                ],
                            }
                        ],
                    }
                ],
            }
        ]
    }
    chance, whole, read = random.Random(2), orjson.dumps(document), 0
    for _ in range(3000):
        try:
            admit(decode_request(encode_json_request(damage(chance, whole))), SeriesCache(), 0)
        except InputError:
            continue
        read += 1
    assert read > 0


def field(number, payload):
    """A field of the wire format that holds bytes."""
    size = len(payload)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | 2]) + length + payload


def test_a_nest_without_end_is_refused():
    value = {"stringValue": "x"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    span = {"attributes": [{"key": "a", "value": value}]}
    with pytest.raises(InputError, match="nested deeper than 64"):
        encode_json_request(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode())
    wire = b"\x0a\x01x"
    for _ in range(200):
        wire = field(5, field(1, wire))
    for number in (2, 9, 2, 2, 1):  # value, attributes, spans, scope_spans, resource_spans
        wire = field(number, wire)
    with pytest.raises(InputError, match="ArrayValue is not valid"):
        decode_request(wire)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("startTimeUnixNano", "18446744073709551615", (1 << 64) - 1),
        ("startTimeUnixNano", 12, 12),
        ("startTimeUnixNano", 1e3, 1000),
        ("start_time_unix_nano", 5, 5),
        ("kind", "SPAN_KIND_SERVER", 2),
        ("kind", 3, 3),
        ("traceId", "0A", b"\n"),
        ("name", "caf\u00e9", "caf\u00e9"),
        ("unknown", {"x": 1}, None),
        ("name", None, ""),
    ],
)
def test_json_fields(field, value, expected):
    body = encode_json_request(orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{field: value}]}]}]}))
    span = message_type(REQUEST).FromString(body).resource_spans[0].scope_spans[0].spans[0]
    names = {"startTimeUnixNano": "start_time_unix_nano", "traceId": "trace_id"}
    if expected is not None:
        assert getattr(span, names.get(field, field)) == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("startTimeUnixNano", "-1"),
        ("startTimeUnixNano", "18446744073709551616"),
        ("startTimeUnixNano", 1.5),
        ("startTimeUnixNano", True),
        ("startTimeUnixNano", "soon"),
        ("traceId", "xyz"),
        ("traceId", 5),
        ("name", 5),
        ("kind", [1]),
        ("attributes", {}),
        ("attributes", [1]),
        ("status", []),
    ],
)
def test_json_fields_that_are_wrong_name_themselves(field, value):
    with pytest.raises(InputError, match=f"resourceSpans.scopeSpans.spans.{field} "):
        encode_json_request(orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{field: value}]}]}]}))


@pytest.mark.parametrize(("text", "expected"), [("NaN", math.nan), ("Infinity", math.inf), ("-Infinity", -math.inf)])
def test_json_doubles_beyond_numbers(text, expected):
    attribute = {"key": "a", "value": {"doubleValue": text}}
    body = encode_json_request(
        orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [attribute]}]}]}]})
    )
    (found,) = decode_request(body).columns["attributes"].to_pylist()[0]
    assert repr(float(found["value"])) == repr(expected)

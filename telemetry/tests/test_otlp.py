import math

from hypothesis import given, settings
from hypothesis import strategies as st
from support.spans import CLASSES, decode_request

from opsconductor_telemetry.context import TraceContext
from opsconductor_telemetry.otlp import MAX_TEXT, Event, encode_request, encode_resource, encode_span

CONTEXT = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 1, "a=1", "00f067aa0ba902b8")
TIMES = (1_795_397_868_226_000_001, 1_795_397_868_227_000_002)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
scalars = texts | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
values = scalars | st.lists(scalars, max_size=4)
attributes = st.dictionaries(texts, values, max_size=6)


def refer(name: str, given: dict, events: list[tuple[str, int, dict]], error: str | None) -> bytes:
    """The same request by google.protobuf."""
    request = CLASSES["Request"]()
    group = request.resource_spans.add()
    fill(group.resource.attributes, {"service.name": "auth"})
    scope = group.scope_spans.add()
    scope.scope.name = "opsconductor_telemetry"
    span = scope.spans.add(name=name, kind=2, trace_state="a=1", flags=1)
    span.trace_id, span.span_id = bytes.fromhex(CONTEXT.trace_id), bytes.fromhex(CONTEXT.span_id)
    span.parent_span_id = bytes.fromhex(CONTEXT.parent_id or "")
    span.start_time_unix_nano, span.end_time_unix_nano = TIMES
    fill(span.attributes, given)
    for label, time_ns, held in events:
        fill(span.events.add(name=label, time_unix_nano=time_ns).attributes, held)
    if error is not None:
        span.status.code, span.status.message = 2, error
    return request.SerializeToString(deterministic=True)


def fill(pairs, given: dict) -> None:
    for name, value in given.items():
        put(pairs.add(key=name).value, value)


def put(slot, value) -> None:
    if isinstance(value, list):
        slot.array_value.SetInParent()
        for item in value:
            put(slot.array_value.values.add(), item)
    else:
        kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
        setattr(slot, kinds[type(value)], value)


@settings(max_examples=150)
@given(
    texts, attributes, st.lists(st.tuples(texts, st.integers(1, 2**63), attributes), max_size=2), st.none() | texts
)
def test_the_bytes_say_what_protobuf_would_say(name, given, events, error) -> None:
    encoded = encode_span(CONTEXT, name, "server", TIMES, given, events=[Event(*one) for one in events], error=error)
    request = encode_request(encode_resource({"service.name": "auth"}), [encoded])
    again = CLASSES["Request"].FromString(request).SerializeToString(deterministic=True)
    assert again == refer(name, given, events, error)


def test_what_has_no_type_of_its_own_becomes_text_and_none_is_left_out() -> None:
    odd = {"big": 2**64, "path": object, "none": None, "nan": math.nan, "long": "x" * (MAX_TEXT + 5), "cut": "\udc80"}
    encoded = encode_span(CONTEXT, "n", "internal", TIMES, odd)
    (span,) = decode_request(encode_request(b"", [encoded]))
    assert span.attributes.keys() == odd.keys() - {"none"}
    assert (span.attributes["big"], span.attributes["cut"]) == (str(2**64), "?")
    assert math.isnan(span.attributes["nan"])
    assert len(span.attributes["long"]) == MAX_TEXT


def test_values_that_are_equal_keep_their_types() -> None:
    spans = [encode_span(CONTEXT, "n", "client", TIMES, {"v": value}) for value in (1, True, 1.0, "1", 1)]
    read = [span.attributes["v"] for span in decode_request(encode_request(b"", spans))]
    assert [(type(value), value) for value in read] == [(int, 1), (bool, True), (float, 1.0), (str, "1"), (int, 1)]

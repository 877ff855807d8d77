"""Searches against a slow reading of the same spans, over segments and the write-ahead log together."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_spans import open_store
from traces_role import build_request

from opsconductor.model.errors import InputError, LimitError
from opsconductor.traces import search as search_module
from opsconductor.traces.messages import REQUEST, message_type
from opsconductor.traces.parameters import TraceQuery

MINUTE = 60 * 10**9
KINDS = ("", "internal", "server", "client", "producer", "consumer")
KEYS = ("a", "error", "b'c", "span.kind")
VALUES = ("x", "1", "true", 1, True, 72.5, "it's")


@dataclass(frozen=True)
class Stored:
    trace: int
    service: str
    operation: str
    kind: int
    start: int
    duration: int
    status: int
    places: tuple
    """(place, key, value): place is span, resource, scope, event or link."""


SPANS = st.lists(
    st.builds(
        Stored,
        trace=st.integers(1, 5),
        service=st.sampled_from("st"),
        operation=st.sampled_from(["o", "p"]),
        kind=st.integers(0, 5),
        start=st.integers(0, 300).map(lambda minute: minute * MINUTE),
        duration=st.integers(1, 4),
        status=st.integers(0, 2),
        places=st.lists(
            st.tuples(
                st.sampled_from(["span", "resource", "scope", "event", "link"]),
                st.sampled_from(KEYS),
                st.sampled_from(VALUES),
            ),
            max_size=3,
            unique_by=lambda place: place[:2],
        ).map(tuple),
    ),
    max_size=12,
)
QUERIES = st.builds(
    TraceQuery,
    start_ns=st.integers(0, 150).map(lambda minute: minute * MINUTE),
    end_ns=st.integers(100, 300).map(lambda minute: minute * MINUTE),
    limit=st.integers(1, 4),
    service=st.sampled_from(["", "", "s", "t"]),
    operation=st.sampled_from(["", "", "o", "p"]),
    tags=st.dictionaries(
        st.sampled_from([*KEYS, "span.status", "resource.a", "scope.name"]),
        st.sampled_from(["x", "1", "true", "false", "72.5", "it's", "server", "Error", "lib"]),
        max_size=2,
    ),
    min_duration_ns=st.integers(0, 3),
    max_duration_ns=st.integers(0, 4),
)


def show(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def matches_tag(span, key, value):
    if key == "error":
        wanted = {"1": True, "true": True, "false": False}.get(value.lower())
        return wanted is not None and (span.status == 2) == wanted
    if key == "span.status":
        return span.status == {"ok": 1, "error": 2}.get(value.lower(), 0)
    if key == "span.kind":
        return KINDS[span.kind] == (value if value in KINDS else "")
    if key == "scope.name":
        return value == "lib"
    if key.startswith("resource."):
        return any(place == "resource" and f"resource.{k}" == key and show(v) == value for place, k, v in span.places)
    return any(k == key and show(v) == value for _, k, v in span.places)


def matches(span, query):
    return (
        query.start_ns <= span.start <= query.end_ns
        and query.service in ("", span.service)
        and query.operation in ("", span.operation)
        and span.duration >= query.min_duration_ns
        and (not query.max_duration_ns or span.duration <= query.max_duration_ns)
        and all(matches_tag(span, key, value) for key, value in query.tags.items())
    )


def build(number, span):
    request = message_type(REQUEST)()
    resource = request.resource_spans.add()
    scope = resource.scope_spans.add(scope={"name": "lib"})
    one = scope.spans.add(
        trace_id=span.trace.to_bytes(16, "big"),
        span_id=(number + 1).to_bytes(8, "big"),
        name=span.operation,
        kind=span.kind,
        start_time_unix_nano=span.start,
        end_time_unix_nano=span.start + span.duration,
        status={"code": span.status},
    )
    targets = {
        "span": one.attributes,
        "resource": resource.resource.attributes,
        "scope": scope.scope.attributes,
        "event": one.events.add(name="e").attributes,
        "link": one.links.add().attributes,
    }
    resource.resource.attributes.add(key="service.name").value.string_value = span.service
    for place, key, value in span.places:
        kind = {str: "string_value", int: "int_value", float: "double_value", bool: "bool_value"}[type(value)]
        setattr(targets[place].add(key=key).value, kind, value)
    return request.SerializeToString()


@settings(max_examples=40, deadline=None)
@given(SPANS, QUERIES, st.integers(0, 12))
def test_a_search_finds_what_a_slow_reading_finds(spans, query, compacted):
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder)) as store:
        for number, span in enumerate(spans):
            store.add(build(number, span))
            if number + 1 == compacted:
                store.compact()
        newest = {}
        for span in spans:
            if matches(span, query):
                newest[span.trace] = max(newest.get(span.trace, 0), span.start)
        expected = sorted(newest, key=lambda trace: (-newest[trace], trace))[: query.limit]
        with store.search() as search:
            found = search.find(query)
            assert [int.from_bytes(one) for one in found.ids] == expected
            table = search.fetch(found.ids, found.times, ["trace_id", "span_id", "time"])
        rows = [] if table is None else table.to_pylist()
        assert [(int.from_bytes(row["trace_id"]), row["time"]) for row in rows] == sorted(
            (span.trace, span.start) for span in spans if span.trace in expected
        )


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        yield store


@pytest.mark.parametrize("compacted", [False, True])
def test_calls_between_services_are_counted(store, compacted):
    trace, ids = b"t" * 16, [bytes([number + 1]) * 8 for number in range(5)]
    above = [{"trace_id": trace, "span_id": ids[0]}, {"trace_id": trace, "span_id": ids[1], "parent_span_id": ids[0]}]
    below = [
        {"trace_id": trace, "span_id": ids[2], "parent_span_id": ids[1]},
        {"trace_id": trace, "span_id": ids[3], "parent_span_id": ids[0]},
        {"trace_id": b"u" * 16, "span_id": ids[4], "parent_span_id": ids[0]},
    ]
    for service, spans in (("above", above), ("below", below)):
        store.add(build_request(service, *spans).SerializeToString())
    if compacted:
        store.compact()
    links = store.ask("dependencies")["data"]
    assert links == [
        {"parent": "above", "child": "above", "callCount": 1},
        {"parent": "above", "child": "below", "callCount": 2},
    ]
    assert store.ask("dependencies", "service=nobody")["data"] == []
    assert store.ask("dependencies", "endTs=1000&lookback=500")["data"] == []


def test_a_trace_of_many_spans_is_shown_whole(store):
    spans = [{"trace_id": b"t" * 16, "span_id": (n + 1).to_bytes(8, "big")} for n in range(12_000)]
    for at in range(0, len(spans), 3000):
        store.add(build_request("auth", *spans[at : at + 3000]).SerializeToString())
        if at == 3000:
            store.compact()
    (trace,) = store.ask("trace", f"path.trace_id={(b't' * 16).hex()}")["data"]
    assert len({span["spanID"] for span in trace["spans"]}) == len(spans)


def test_an_answer_of_too_many_spans_names_the_limit(store, monkeypatch):
    monkeypatch.setattr(search_module, "MAX_SPANS", 3)
    spans = [{"trace_id": b"t" * 16, "span_id": (n + 1).to_bytes(8, "big")} for n in range(4)]
    store.add(build_request("auth", *spans).SerializeToString())
    with pytest.raises(LimitError, match="the traces have 4 spans, 3 are shown at most"):
        store.ask("search", "service=auth")


@pytest.mark.parametrize("text", ["' OR 1=1 --", "%", "a\nb", "\u2603", "\\", "{rows}", "$1 ?"])
def test_tags_are_taken_literally(store, text):
    request = build_request("auth", {"trace_id": b"t" * 16, "span_id": b"12345678"})
    (span,) = request.resource_spans[0].scope_spans[0].spans
    span.attributes.add(key=text).value.string_value = text
    store.add(request.SerializeToString())
    for compacted in (False, True):
        if compacted:
            store.compact()
        assert len(store.ask("search", urlencode({"start": 0, "tag": f"{text}:{text}"}))["data"]) == 1
        assert store.ask("search", urlencode({"start": 0, "tag": f"{text}:other"}))["data"] == []


def test_a_tag_that_no_attribute_can_hold_is_refused(store):
    with pytest.raises(InputError, match="a character that no attribute can hold"):
        store.ask("search", "tag=a%00:b")

"""The original's own fixtures: traces to store, searches with the traces they expect, shapes of answers."""

import json
from datetime import datetime
from urllib.parse import urlencode

import orjson
import pytest
from stored_spans import open_store

from opsconductor.traces.json_decoding import encode_json_request

STORE = "traces/jaeger/internal/storage/integration/fixtures"
QUERY = "traces/jaeger/cmd/jaeger/internal/extension/jaegerquery/internal"


@pytest.fixture(scope="module")
def fixtures(conformance):
    """Name → OTLP JSON of every trace of the original's storage tests."""
    return {path.stem: path.read_bytes() for path in sorted((conformance / STORE / "traces").glob("*.json"))}


@pytest.fixture(scope="module", params=["log", "segments"])
def store(request, fixtures, tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("store")) as store:
        for text in fixtures.values():
            store.add(encode_json_request(text))
        if request.param == "segments":
            store.compact()
        yield store


def list_spans(document):
    """Each span's (trace id, span id) of OTLP JSON."""
    return sorted(
        (span["traceId"].rjust(32, "0"), span["spanId"])
        for resource in document["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    )


def micros(text):
    return int(datetime.fromisoformat(text).timestamp() * 1_000_000)


def test_searches_find_the_traces_they_expect(conformance, fixtures, store):
    cases = json.loads((conformance / STORE / "queries.json").read_text())
    right = 0
    for case in cases:
        query = case["Query"]
        tags = {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in (query["Tags"] or {}).items()
        }
        parameters = {
            "service": query["ServiceName"],
            "operation": query["OperationName"],
            "tags": json.dumps(tags),
            "start": micros(query["StartTimeMin"]),
            "end": micros(query["StartTimeMax"]),
            "minDuration": f"{query['DurationMin']}ns" if query["DurationMin"] else "",
            "maxDuration": f"{query['DurationMax']}ns" if query["DurationMax"] else "",
            "limit": query["NumTraces"],
        }
        traces = store.ask("search", urlencode(parameters))["data"]
        found = sorted((span["traceID"].rjust(32, "0"), span["spanID"]) for one in traces for span in one["spans"])
        expected = sorted(
            pair for name in case["ExpectedFixtures"] for pair in list_spans(json.loads(fixtures[name]))
        )
        assert found == expected, case["Caption"]
        right += 1
    print(f"searches: {right} of {len(cases)}")
    assert right == 25


def strip(value):
    """OTLP JSON without defaults and empty parts, attributes by key: what two encodings of a span share."""
    if isinstance(value, list):
        items = [strip(one) for one in value]
        return sorted(items, key=lambda item: item["key"]) if items and "key" in items[0] else items
    if isinstance(value, dict):
        fields = {name: strip(one) for name, one in value.items()}
        return {name: one for name, one in fields.items() if one not in ({}, [], "", None)}
    return value


def test_traces_come_back_as_they_were_sent(fixtures, store):
    right = 0
    for name, text in fixtures.items():
        sent = json.loads(text)
        ids = {trace_id for trace_id, _ in list_spans(sent)}
        for trace_id in ids:
            got = store.ask("v3/trace", f"path.trace_id={trace_id}&rawTraces=true")["result"]
            assert index_spans(got) == index_spans(sent), name
            right += 1
    print(f"traces: {right} of {len(fixtures)}")
    assert right == 32


def index_spans(document):
    """Span id → (resource, scope, span)."""
    return {
        span["spanId"]: (strip(resource["resource"]), strip(scope.get("scope", {})), strip(span))
        for resource in document["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    }


def test_transformation_of_a_file(conformance, store):
    folder = conformance / QUERY / "fixture"
    got = store.ask("transform", body=(folder / "otlp2jaeger-in.json").read_bytes())
    assert got == json.loads((folder / "otlp2jaeger-out.json").read_text())


def test_snapshots_of_the_third_generation(conformance, tmp_path):
    """The trace of the original's own gateway test, and the shapes of its answers."""
    folder = conformance / QUERY / "apiv3/snapshots"
    expected = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    sent = expected["GetTrace"]["result"]
    with open_store(tmp_path) as store:
        store.add(encode_json_request(orjson.dumps(sent)))
        got = store.ask("v3/trace", "path.trace_id=1&rawTraces=true")
        assert index_spans(got["result"]).keys() == index_spans(sent).keys()
        span, expected_span = (
            document["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
            for document in (got, expected["GetTrace"])
        )
        # This store fills in what the original's sanitizer fills in before it stores: service and times.
        assert span | expected_span == span
        wide = "query.startTimeMin=1970-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z"
        summaries = store.ask("v3/summaries", wide)["summaries"]
        assert summaries[0].keys() == expected["FindTraceSummaries"]["summaries"][0].keys()
        assert store.ask("v3/services").keys() == expected["GetServices"].keys()
        (operation,) = store.ask("v3/operations", "service=missing-service-name")["operations"]
        assert operation.keys() == expected["GetOperations"]["operations"][0].keys()


def test_the_protocols_own_example(conformance, tmp_path):
    text = (conformance / "traces/otlp-proto/trace.json").read_bytes()
    with open_store(tmp_path) as store:
        assert store.add(encode_json_request(text)).refused_count == 0
        got = store.ask("v3/trace", "path.trace_id=5B8EFFF798038103D269B633813FC60C")["result"]
    sent = json.loads(text)
    for resource in sent["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    span[name] = span[name].lower()
    (span,) = got["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert span["attributes"].pop()["key"] == "@jaeger@warnings"  # its parent is not there
    assert index_spans(got) == index_spans(sent)

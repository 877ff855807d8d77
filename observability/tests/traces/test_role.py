"""The role as a process: spans in by every way, out by every way, and death at any moment."""

import gzip
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import httpx
import pytest
from traces_role import EXPORT, TracesRole, build_request, new_ids

from opsconductor.traces.messages import message_type

WIDE = {"query.startTimeMin": "1970-01-02T00:00:00Z", "query.startTimeMax": "2200-01-01T00:00:00Z"}


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def send_grpc(role, body, compression=None):
    with grpc.insecure_channel(f"127.0.0.1:{role.grpc_port}", compression=compression) as channel:
        return channel.unary_unary(EXPORT)(body, timeout=30)


def as_json(service, trace_id, span_id):
    now = time.time_ns()
    span = {
        "traceId": trace_id.hex(),
        "spanId": span_id.hex(),
        "name": "op",
        "kind": 3,
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 5_000_000),
        "attributes": [{"key": "answer", "value": {"intValue": "42"}}],
        "status": {"code": 2, "message": "broken"},
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}


def test_spans_of_every_transport_are_found_in_both_generations(role, service):
    bodies = [build_request(service, {"trace_id": (ids := new_ids())[0], "span_id": ids[1][0]}) for _ in range(4)]
    texts = [body.SerializeToString() for body in bodies]
    assert role.send(texts[0]).content == b""
    assert role.send(gzip.compress(texts[1]), **{"Content-Encoding": "gzip"}).status_code == 200
    assert send_grpc(role, texts[2]) == b""
    assert send_grpc(role, texts[3], grpc.Compression.Gzip) == b""
    trace_id, (span_id,) = new_ids()
    assert role.send_json(as_json(service, trace_id, span_id)).json() == {"partialSuccess": {}}
    spans = [body.resource_spans[0].scope_spans[0].spans[0] for body in bodies]
    sent = {span.trace_id.hex(): [span.span_id.hex()] for span in spans} | {trace_id.hex(): [span_id.hex()]}
    assert role.find(service=service) == sent
    assert role.find(service=service, tag="answer:42") == {trace_id.hex(): [span_id.hex()]}
    answer = role.get("v3/traces", **WIDE, **{"query.serviceName": service}).json()
    found = [
        span for one in answer["result"]["resourceSpans"] for part in one["scopeSpans"] for span in part["spans"]
    ]
    assert {span["traceId"]: [span["spanId"]] for span in found} == sent


def test_services_and_operations(role, service):
    trace_id, ids = new_ids(3)
    spans = [
        {"trace_id": trace_id, "span_id": ids[0], "name": "b", "kind": 2},
        {"trace_id": trace_id, "span_id": ids[1], "name": "a", "kind": 3},
        {"trace_id": trace_id, "span_id": ids[2], "name": "a"},
    ]
    role.send(build_request(service, *spans).SerializeToString())
    assert service in role.get("services").json()["data"]
    assert service in role.get("v3/services").json()["services"]
    assert role.get(f"services/{service}/operations").json()["data"] == ["a", "b"]
    assert role.get("operations", service=service).json()["data"] == [
        {"name": "a", "spanKind": ""},
        {"name": "a", "spanKind": "client"},
        {"name": "b", "spanKind": "server"},
    ]
    assert role.get("v3/operations", service=service, span_kind="server").json() == {
        "operations": [{"name": "b", "spanKind": "server"}]
    }
    assert role.get("operations").json()["errors"][0]["msg"] == "parameter 'service' is required"


def test_a_trace_by_id(role, service):
    trace_id, (parent, child) = new_ids(2)
    spans = [
        {"trace_id": trace_id, "span_id": parent, "name": "parent"},
        {"trace_id": trace_id, "span_id": child, "name": "child", "parent_span_id": parent},
    ]
    role.send(build_request(service, *spans).SerializeToString())
    for text in (trace_id.hex(), trace_id.hex().upper()):
        (trace,) = role.get(f"traces/{text}").json()["data"]
        assert {span["operationName"] for span in trace["spans"]} == {"parent", "child"}
    (reference,) = next(span for span in trace["spans"] if span["operationName"] == "child")["references"]
    assert reference == {"refType": "CHILD_OF", "traceID": trace_id.hex(), "spanID": parent.hex()}
    found = role.get(f"v3/traces/{trace_id.hex()}").json()["result"]["resourceSpans"]
    assert len(found[0]["scopeSpans"][0]["spans"]) == 2
    two = role.get("traces", traceID=[trace_id.hex(), "abc"]).json()
    assert [one["traceID"] for one in two["data"]] == [trace_id.hex()]
    assert two["errors"] == [{"msg": "trace not found", "traceID": "0000000000000abc"}]


def test_summaries_and_dependencies(role, service):
    trace_id, (parent, child, orphan) = new_ids(3)
    above, below = f"{service}-a", f"{service}-b"
    role.send(build_request(above, {"trace_id": trace_id, "span_id": parent, "name": "root"}).SerializeToString())
    spans = [
        {"trace_id": trace_id, "span_id": child, "parent_span_id": parent, "status": {"code": 2}},
        {"trace_id": trace_id, "span_id": orphan, "parent_span_id": b"12345678"},
    ]
    role.send(build_request(below, *spans).SerializeToString())
    (summary,) = role.get("v3/trace-summaries", **WIDE, **{"query.serviceName": above}).json()["summaries"]
    times = {name: int(summary.pop(name)) for name in ("minStartTimeUnixNano", "maxEndTimeUnixNano")}
    assert times["minStartTimeUnixNano"] < times["maxEndTimeUnixNano"]
    assert summary == {
        "traceId": trace_id.hex(),
        "rootServiceName": above,
        "rootOperationName": "root",
        "spanCount": 3,
        "errorSpanCount": 1,
        "orphanSpanCount": 1,
        "services": [
            {"name": above, "spanCount": 1},
            {"name": below, "spanCount": 2, "errorSpanCount": 1},
        ],
    }
    links = role.get("dependencies", service=below).json()["data"]
    assert links == [{"parent": above, "child": below, "callCount": 1}]


def test_bad_spans_are_refused_one_by_one(role, service):
    trace_id, (good,) = new_ids()
    request = build_request(
        service,
        {"trace_id": trace_id, "span_id": good},
        {"trace_id": b"short", "span_id": good},
        {"trace_id": trace_id, "span_id": bytes(8)},
        {"trace_id": trace_id, "span_id": b"12345678", "start_time_unix_nano": 1 << 63},
    )
    answer = message_type("ExportTraceServiceResponse").FromString(role.send(request.SerializeToString()).content)
    assert answer.partial_success.rejected_spans == 3
    for reason in ("trace id must be 16 bytes", "span id must be 8 bytes", "beyond the year 2262"):
        assert reason in answer.partial_success.error_message
    assert role.find(service=service) == {trace_id.hex(): [good.hex()]}


def test_what_is_sent_twice_is_stored_once(role, service):
    trace_id, (span_id,) = new_ids()
    body = build_request(service, {"trace_id": trace_id, "span_id": span_id}).SerializeToString()
    for _ in range(3):
        assert role.send(body).status_code == 200
    assert send_grpc(role, body) == b""
    assert role.find(service=service) == {trace_id.hex(): [span_id.hex()]}


@pytest.mark.parametrize(
    ("headers", "content", "status", "text"),
    [
        ({"Content-Type": "text/plain"}, b"x", 415, "unsupported media type"),
        ({"Content-Type": "application/json"}, b"{", 400, '"code":3'),
        ({"Content-Type": "application/json"}, b'{"resourceSpans": 1}', 400, "resourceSpans must be a list"),
        ({"Content-Type": "application/x-protobuf"}, b"\xff\xff", 400, "cannot read the spans"),
        ({"Content-Type": "application/x-protobuf", "Content-Encoding": "br"}, b"x", 415, "send gzip"),
        ({"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}, b"x", 400, "cannot decompress"),
        (
            {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"},
            gzip.compress(bytes(21 << 20)),
            413,
            "max_request_body_size",
        ),
    ],
)
def test_bad_requests_are_answered_precisely(role, headers, content, status, text):
    answer = httpx.post(role.receiver, headers=headers, content=content)
    assert answer.status_code == status
    assert text in answer.text


def test_listeners_answer_only_what_is_theirs(role):
    assert httpx.get(role.receiver).status_code == 405
    assert httpx.get(f"http://127.0.0.1:{role.http_port}/api/services").status_code == 404
    assert httpx.post(f"{role.url}/v1/traces", content=b"").status_code == 404
    assert "opsconductor_traces_received_spans_total" in httpx.get(f"{role.url}/metrics").text


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("traces/00000000000000000000000000000001", 404, '"code":404,"msg":"trace not found"'),
        ("traces/xyz!", 400, "cannot read trace id"),
        ("traces?limit=0", 400, "search depth must be greater than 0"),
        ("traces?minDuration=soon", 400, "unable to parse param 'minDuration'"),
        ("traces?minDuration=2s&maxDuration=1s", 400, "'maxDuration' should be greater than 'minDuration'"),
        ("traces?start=yesterday", 400, "unable to parse param 'start'"),
        ("traces?tag=novalue", 400, "malformed 'tag' parameter, expecting key:value, received: novalue"),
        ("traces?tags=[]", 400, "malformed 'tags' parameter"),
        ("v3/traces", 400, '{"error":{"httpCode":400,"message":"query.startTimeMin and query.startTimeMax are'),
        ("v3/traces/00000000000000000000000000000001", 404, '{"error":{"httpCode":404,"message":"trace not found"}}'),
        ("v3/traces/xyz!", 400, "malformed parameter trace_id"),
        ("nothing", 404, "404 page not found"),
    ],
)
def test_bad_queries_are_answered_precisely(role, path, status, text):
    answer = httpx.get(f"{role.url}/api/{path}")
    assert answer.status_code == status
    assert text in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_search_that_finds_nothing(role, service):
    assert role.find(service=service) == {}
    answer = role.get("v3/traces", **WIDE, **{"query.serviceName": service})
    assert answer.status_code == 404
    assert answer.json() == {"error": {"httpCode": 404, "message": "No traces found"}}
    assert role.get("v3/trace-summaries", **WIDE, **{"query.serviceName": service}).json() == {}


class Load:
    """Senders of numbered spans that send again what was not acknowledged, as exporters do."""

    def __init__(self, role, service, senders):
        self.role, self.service = role, service
        self.acknowledged = {}
        self.errors = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(senders)]
        for thread in self._threads:
            thread.start()

    def _send(self, number):
        """Even senders use HTTP, odd ones gRPC."""
        deliver = self._deliver_grpc if number % 2 else self._deliver_http
        while not self._stop.is_set():
            trace_id, ids = new_ids(10)
            spans = [{"trace_id": trace_id, "span_id": one} for one in ids]
            body = build_request(self.service, *spans).SerializeToString()
            while not self._stop.is_set() and not deliver(body):
                time.sleep(0.02)
            if not self._stop.is_set():
                self.acknowledged[trace_id.hex()] = sorted(one.hex() for one in ids)

    def _deliver_http(self, body):
        try:
            answer = self.role.send(body)
        except httpx.HTTPError:
            return False
        if answer.status_code not in (200, 429, 503):
            self.errors.append(answer.text)
        return answer.status_code == 200

    def _deliver_grpc(self, body):
        try:
            send_grpc(self.role, body)
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                self.errors.append(str(error))
            return False
        return True

    def finish(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.soak)])
def test_every_acknowledged_span_is_there_once_after_kill_9(tmp_path, service, kills):
    role = TracesRole(tmp_path)
    load = Load(role, service, senders=4)
    try:
        for _ in range(kills):
            role.start()
            before = len(load.acknowledged)
            wait_until(lambda floor=before: len(load.acknowledged) > floor + 20)
            time.sleep(random.random() / 4)
            role.kill()
        role.start()
        before = len(load.acknowledged)
        wait_until(lambda: len(load.acknowledged) > before + 8)
        load.finish()
        assert load.errors == []
        found = role.find(service=service)
        assert {trace_id: sorted(found.get(trace_id, [])) for trace_id in load.acknowledged} == load.acknowledged
        assert all(len(spans) == len(set(spans)) for spans in found.values())
    finally:
        load.finish()
        role.kill()


def list_children(role):
    """module → pid of each child."""
    children = Path(f"/proc/{role.process.pid}/task/{role.process.pid}/children").read_text().split()
    words = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in children}
    return {word[2].decode(): int(pid) for pid, word in words.items() if len(word) > 2}


def test_children_that_are_killed_come_back(tmp_path, service):
    role = TracesRole(tmp_path).start()  # of its own: a compactor is there at the start and ends when it is idle
    try:
        trace_id, (span_id,) = new_ids()
        role.send(build_request(service, {"trace_id": trace_id, "span_id": span_id}).SerializeToString())
        before = list_children(role)
        assert set(before) == {"opsconductor.traces.query_worker", "opsconductor.traces.compactor"}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        assert role.find(service=service) == {trace_id.hex(): [span_id.hex()]}
        wait_until(lambda: len(now := list_children(role)) == 2 and not set(now.values()) & set(before.values()))
    finally:
        role.stop()


def test_a_terminated_role_ends_cleanly_and_keeps_its_spans(tmp_path, service):
    role = TracesRole(tmp_path).start()
    trace_id, (span_id,) = new_ids()
    role.send(build_request(service, {"trace_id": trace_id, "span_id": span_id}).SerializeToString())
    assert role.stop() == 0
    assert '"message":"stopped"' in role.output.read_text().splitlines()[-1]
    try:
        assert role.start().find(service=service) == {trace_id.hex(): [span_id.hex()]}
    finally:
        role.kill()


def run_role(*options, folder):
    command = [sys.executable, "-m", "opsconductor.cli.main", "run", "traces", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=folder)


@pytest.mark.parametrize("option", ["--listen", "--otlp-http", "--otlp-grpc"])
def test_an_occupied_port_is_status_2(tmp_path, option):
    (tmp_path / "jaeger.yml").write_text("service: {}\n")
    options = {"--config": "jaeger.yml", "--data": "data", "--listen": "127.0.0.1:0"}
    options |= {"--otlp-http": "127.0.0.1:0", "--otlp-grpc": "127.0.0.1:0"}
    with socket.create_server(("127.0.0.1", 0)) as holder:
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        words = [word for pair in (options | {option: address}).items() for word in pair]
        done = run_role(*words, folder=tmp_path)
    assert done.returncode == 2
    assert f"cannot listen on {address}" in done.stderr
    assert "Traceback" not in done.stderr

import asyncio
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse

from opsconductor_telemetry import TraceMiddleware, client_address, current_trace_id, get_logger
from opsconductor_telemetry.instruments import SERVED, SERVING
from opsconductor_telemetry.lines import encode_record

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Lines(logging.Handler):
    """What would have been written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[dict] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(encode_record(record, "test")))

    @property
    def requests(self) -> list[dict]:
        return [line for line in self.lines if line["message"] == "request"]


@pytest.fixture
def written() -> Iterator[Lines]:
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def make_application() -> FastAPI:
    app, router = FastAPI(), APIRouter()

    @router.get("/users/{user_id}")
    async def show(user_id: int) -> dict[str, str | None]:
        get_logger("test.inside").info("inside", user_id=user_id)
        return {"trace": await asyncio.to_thread(current_trace_id)}

    @router.get("/fails")
    def fail() -> None:
        raise RuntimeError("password=hunter2")

    @router.get("/breaks")
    def break_off() -> StreamingResponse:
        def chunks() -> Iterator[bytes]:
            yield b"some"
            raise RuntimeError("broken")

        return StreamingResponse(chunks())

    app.include_router(router, prefix="/api/v1")
    for path in ("/health", "/ready"):
        app.get(path)(lambda: {"status": "ok"})
    return app


@pytest.fixture
async def client() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(TraceMiddleware(make_application()), client=("198.51.100.7", 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_one_line_says_what_was_asked_and_answered(client, written) -> None:
    answer = await client.get("/api/v1/users/7?token=hunter2")
    (line,) = written.requests
    assert line["level"] == "info"
    assert {name: line[name] for name in line if "." in name} == {
        "http.request.method": "GET",
        "http.route": "/api/v1/users/{user_id}",
        "url.path": "/api/v1/users/7",
        "http.response.status_code": 200,
        "client.address": "198.51.100.7",
    }
    assert line["duration_ms"] > 0
    assert line["trace_id"] == answer.headers["x-trace-id"] == answer.json()["trace"]
    assert "hunter2" not in json.dumps(written.lines)


async def test_lines_of_one_request_share_trace_and_span(client, written) -> None:
    await client.get("/api/v1/users/7", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    (inside,) = [line for line in written.lines if line["message"] == "inside"]
    (request,) = written.requests
    assert (inside["trace_id"], inside["span_id"]) == (request["trace_id"], request["span_id"])
    assert (inside["trace_id"], inside["span_id"] == SPAN) == (TRACE, False)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("X-Trace-Id", TRACE)], TRACE),
        ([("traceparent", f"00-{TRACE}-{SPAN}-01"), ("x-trace-id", "b" * 32)], TRACE),
        ([("traceparent", "00-broken"), ("x-trace-id", TRACE)], TRACE),
        ([("traceparent", f"00-{TRACE}-{SPAN}-01"), ("traceparent", f"00-{TRACE}-{SPAN}-01")], None),
        ([("x-trace-id", TRACE), ("x-trace-id", TRACE)], None),
        ([("x-trace-id", "x; evil")], None),
        ([], None),
    ],
)
async def test_the_root_of_the_trace(client, headers, expected) -> None:
    answer = await client.get("/api/v1/users/7", headers=headers)
    trace_id = answer.headers["x-trace-id"]
    assert len(trace_id) == 32
    assert (trace_id == TRACE) == (expected is not None)


async def test_nothing_of_a_request_is_left_behind(client) -> None:
    await client.get("/api/v1/users/7")
    assert current_trace_id() is None


async def test_a_failure_is_in_the_requests_line_once(client, written) -> None:
    answer = await client.get("/api/v1/fails")
    assert answer.status_code == 500
    assert len(answer.headers["x-trace-id"]) == 32
    (line,) = written.requests
    assert (line["level"], line["http.response.status_code"]) == ("error", 500)
    assert (line["exception.type"], line["exception.message"]) == ("RuntimeError", "password=[redacted]")


async def test_an_answer_that_breaks_off_is_raised_so_that_the_server_closes(client, written) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        await client.get("/api/v1/breaks")
    (line,) = written.requests
    assert (line["level"], line["http.response.status_code"], line["exception.message"]) == ("error", 200, "broken")


async def test_a_client_that_leaves_is_nobodys_failure(written, exported) -> None:
    async def app(_scope, receive, _send) -> None:
        assert (await receive())["type"] == "http.disconnect"

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_message: object) -> None:
        raise AssertionError("nothing was to be sent")

    await TraceMiddleware(app)({"type": "http", "method": "GET", "path": "/slow", "headers": []}, receive, send)
    (line,) = written.requests
    assert (line["level"], line["http.response.status_code"]) == ("info", 499)
    (span,) = exported()
    assert not span.failed


async def test_an_unknown_path_has_no_route(client, written) -> None:
    await client.get("/nowhere")
    (line,) = written.requests
    assert "http.route" not in line
    assert (line["level"], line["http.response.status_code"]) == ("info", 404)


async def test_probes_are_quiet_unless_somebody_traces_them(client, written) -> None:
    await client.get("/health")
    await client.get("/ready", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    assert [(line["url.path"], line["level"]) for line in written.requests] == [
        ("/health", "debug"),
        ("/ready", "info"),
    ]


async def test_each_request_is_a_server_span(client, exported) -> None:
    await client.get("/api/v1/users/7?token=hunter2", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    (span,) = exported()
    assert (span.name, span.kind) == ("GET /api/v1/users/{user_id}", "server")
    assert (span.trace_id, span.parent_id) == (TRACE, SPAN)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/v1/users/{user_id}",
        "url.path": "/api/v1/users/7",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "client.address": "198.51.100.7",
        "user_agent.original": f"python-httpx/{httpx.__version__}",
    }


async def test_failures_are_failures_of_the_span_and_refusals_are_not(client, exported) -> None:
    await client.get("/api/v1/fails")
    with pytest.raises(RuntimeError, match="broken"):
        await client.get("/api/v1/breaks")
    await client.get("/nowhere")
    await client.request("GRAB", "/nowhere")
    failed, broken, missing, odd = exported()
    for span in (failed, broken):
        assert (span.failed, span.attributes["error.type"]) == (True, "RuntimeError")
        assert [name for name, _ in span.events] == ["exception"]
    assert "hunter2" not in str(failed)
    assert (missing.name, missing.failed, missing.attributes["http.response.status_code"]) == ("GET", False, 404)
    assert (odd.name, odd.attributes["http.request.method_original"]) == ("_OTHER", "GRAB")


async def test_probes_make_no_spans_and_no_observations(client, exported) -> None:
    before = sum_observations()
    for path in ("/health", "/ready", "/metrics"):
        await client.get(path)
    assert sum_observations() == before
    await client.get("/ready", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    assert [span.name for span in exported()] == ["GET /ready"]
    assert sum_observations() == before + 1


async def test_requests_are_observed_by_method_route_and_status(client, written) -> None:
    def count(*labels: str) -> int:
        found = dict(SERVED.collect_distributions()).get(labels)
        return sum(found.counts) if found else 0

    labels = [
        ("GET", "/api/v1/users/{user_id}", "200"),
        ("GET", "/api/v1/fails", "500"),
        ("_OTHER", "", "404"),
    ]
    before = [count(*one) for one in labels]
    for number in range(3):
        await client.get(f"/api/v1/users/{number}")
    await client.get("/api/v1/fails")
    await client.request("GRAB", "/nowhere")
    assert [count(*one) - had for one, had in zip(labels, before, strict=True)] == [3, 1, 1]
    exemplars = dict(SERVED.collect_distributions())[labels[0]].exemplars
    assert written.requests[2]["trace_id"] in {one.trace_id for one in exemplars if one}
    assert {values: point.value for values, point in SERVING.collect()}[("GET",)] == 0


def sum_observations() -> int:
    return sum(sum(one.counts) for _, one in SERVED.collect_distributions())


async def test_other_scopes_pass_through() -> None:
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append(scope["type"])

    await TraceMiddleware(app)({"type": "lifespan"}, None, None)
    assert seen == ["lifespan"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.1"], "198.51.100.7"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.1"], "203.0.113.1"),
        ("10.0.0.3", ["192.0.2.66, 203.0.113.1"], "203.0.113.1"),
        ("::1", ["192.0.2.66", "2001:db8::1"], "2001:db8::1"),
        ("172.18.0.2", ["nonsense"], "172.18.0.2"),
        ("::ffff:10.0.0.3", ["203.0.113.1"], "203.0.113.1"),
        ("unix", ["203.0.113.1"], "unix"),
        (None, ["203.0.113.1"], None),
    ],
)
def test_a_forwarded_address_counts_from_near_peers_only(peer, forwarded, expected) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    assert client_address({"client": peer and (peer, 1), "headers": headers}) == expected

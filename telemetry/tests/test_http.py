import asyncio
import json
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from opsconductor_telemetry import http_client, start_span
from opsconductor_telemetry.instruments import CALLED


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A real server that answers with the headers it got; known as box:80."""

    async def app(scope, receive, send) -> None:
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        redirect = scope["path"] == "/redirect"
        status = {"/redirect": 302, "/missing": 404}.get(scope["path"], 200)
        if scope["path"] == "/hang":
            await asyncio.sleep(1)
        start = [(b"location", b"http://box/target")] if redirect else []
        await send({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": json.dumps(headers).encode()})

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
        running = uvicorn.Server(config)
        task = asyncio.create_task(running._serve(sockets=[listener]))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv("OPSCONDUCTOR_ADDRESSES", json.dumps({"box:80": address}))
        yield address
        running.should_exit = True
        await task


async def test_a_name_is_reached_at_its_address_and_stays_the_host(server: str) -> None:
    async with http_client() as client:
        answer = await client.get("http://box/x")
    assert answer.json()["host"] == "box"
    assert str(answer.request.url) == "http://box/x"


async def test_the_trace_goes_along_and_each_call_is_a_span(server: str) -> None:
    async with http_client(base_url="http://box") as client:
        with start_span("work") as work:
            parents = [(await client.get("/")).json()["traceparent"].split("-") for _ in range(2)]
    assert {parent[1] for parent in parents} == {work.trace_id}
    assert len({parent[2] for parent in parents} | {work.span_id}) == 3


async def test_a_call_outside_a_trace_starts_one(server: str) -> None:
    async with http_client() as client:
        assert (await client.get("http://box/")).json()["traceparent"].startswith("00-")


async def test_a_given_traceparent_is_kept(server: str) -> None:
    given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
    async with http_client() as client:
        assert (await client.get("http://box/", headers={"traceparent": given})).json()["traceparent"] == given


async def test_redirects_are_resolved_hop_by_hop(server: str) -> None:
    async with http_client(follow_redirects=True) as client:
        answer = await client.get("http://box/redirect")
    assert (answer.status_code, str(answer.url)) == (200, "http://box/target")


async def test_bodies_and_options_pass_through(server: str) -> None:
    limits = httpx.Limits(max_connections=2)
    async with http_client(timeout=3, limits=limits, headers={"x-own": "1"}) as client:
        answer = await client.post("http://box/", json={"a": 1})
    assert (answer.json()["x-own"], answer.json()["content-length"]) == ("1", "7")


async def test_a_failure_is_httpx_own_with_the_name_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("OPSCONDUCTOR_ADDRESSES", json.dumps({"box:80": f"127.0.0.1:{closed.getsockname()[1]}"}))
        async with http_client() as client:
            with pytest.raises(httpx.ConnectError) as caught:
                await client.get("http://box/")
    assert caught.value.request.url.host == "box"


async def test_a_line_per_call_says_what_came_back(server: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "opsconductor_telemetry.http")
    async with http_client() as client:
        await client.get("http://box/x?y=1")
    (record,) = [record for record in caplog.records if record.name == "opsconductor_telemetry.http"]
    assert record.fields["url.full"] == "http://box/x?y=1"
    assert record.fields["http.response.status_code"] == 200


def count(**labels: str) -> int:
    series = dict(CALLED.collect_distributions())
    found = series.get(tuple(labels.get(name, "") for name in CALLED.labels))
    return sum(found.counts) if found else 0


async def test_each_call_is_a_client_span_and_the_parent_of_the_servers(server: str, exported) -> None:
    labels = {"http_request_method": "GET", "server_address": "box", "server_port": "80"}
    before = count(**labels, http_response_status_code="200")
    async with http_client() as client:
        with start_span("work") as work:
            answer = await client.get("http://user:hunter2@box/x?token=hunter2")
    assert count(**labels, http_response_status_code="200") == before + 1
    call, _ = exported()
    assert (call.name, call.kind, call.parent_id, call.failed) == ("GET", "client", work.span_id, False)
    assert answer.json()["traceparent"] == f"00-{call.trace_id}-{call.span_id}-01"
    assert "hunter2" not in str(call)
    assert call.attributes.pop("url.full").startswith("http://[redacted]@box/x?token=")
    assert call.attributes == {
        "http.request.method": "GET",
        "server.address": "box",
        "server.port": 80,
        "http.response.status_code": 200,
    }


async def test_answers_of_failure_broken_connections_and_cancelled_calls_fail_the_span(server: str, exported) -> None:
    async with http_client() as client:
        with start_span("work"):
            await client.get("http://box/missing")
            with pytest.raises(httpx.ConnectError):
                await client.get("http://127.0.0.1:1/")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.get("http://box/hang")
    missing, closed, cancelled, _ = exported()
    assert [span.failed for span in (missing, closed, cancelled)] == [True] * 3
    kinds = [span.attributes["error.type"] for span in (missing, closed, cancelled)]
    assert kinds == ["404", "httpx.ConnectError", "asyncio.exceptions.CancelledError"]
    assert count(
        http_request_method="GET", server_address="127.0.0.1", server_port="1", error_type="httpx.ConnectError"
    )

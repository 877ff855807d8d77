import json
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from opsconductor_telemetry import http_client, start_span


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A real server that answers with the headers it got; known as box:80."""
    import asyncio

    async def app(scope, receive, send) -> None:
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        redirect = scope["path"] == "/redirect"
        start = [(b"location", b"http://box/target")] if redirect else []
        await send({"type": "http.response.start", "status": 302 if redirect else 200, "headers": start})
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

"""Action `http`, against a real server."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import ValidationError
from support.servers import find_free_port

from backend_service.actions import Endpoint, HttpAction
from opsconductor_telemetry import extract


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(1.5)
        body = b"x" * 100_000 if self.path == "/long" else self.headers.get("traceparent", "none").encode()
        self.send_response(302 if self.path == "/base/moved" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def make_target(address: str, kind: str = "http") -> Endpoint:
    return Endpoint(1, "web", kind, f"http://{address}" if kind == "http" else address)


async def test_the_expected_status_succeeds_under_the_current_trace(address: str) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    with extract({"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}):
        outcome = await HttpAction(kind="http", path="/ok").run(make_target(address))
    assert outcome.succeeded
    assert outcome.detail == f"GET http://{address}/ok: answered 200"
    assert trace_id in outcome.output


async def test_another_status_fails_and_redirects_are_not_followed(address: str) -> None:
    outcome = await HttpAction(kind="http", path="/moved").run(make_target(f"{address}/base/"))
    assert not outcome.succeeded
    assert outcome.detail == f"GET http://{address}/base/moved: answered 302, expected 200"


async def test_the_method_counts(address: str) -> None:
    assert (await HttpAction(kind="http", method="POST", expect_status=201).run(make_target(address))).succeeded


@pytest.mark.parametrize("kind", ["tcp", "host"])
async def test_other_kinds_are_asked_over_plain_http(
    address: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSCONDUCTOR_ADDRESSES", f'{{"web:80": "{address}"}}')
    target = make_target(address, "tcp") if kind == "tcp" else Endpoint(1, "web", "host", "web")
    assert (await HttpAction(kind="http").run(target)).succeeded


async def test_a_long_body_is_truncated(address: str) -> None:
    outcome = await HttpAction(kind="http", path="/long").run(make_target(address))
    assert outcome.output == "x" * 65536 + "\n… truncated at 64 KiB"


async def test_a_slow_answer_fails(address: str) -> None:
    outcome = await HttpAction(kind="http", path="/slow", timeout_s=0.2).run(make_target(address))
    assert (outcome.succeeded, outcome.detail) == (False, f"GET http://{address}/slow: no answer within 0.2 s")


async def test_a_refused_connection_fails() -> None:
    address = f"127.0.0.1:{find_free_port()}"
    outcome = await HttpAction(kind="http").run(make_target(address))
    assert not outcome.succeeded
    assert outcome.detail.startswith(f"GET http://{address}/: ")


@pytest.mark.parametrize(
    "fields",
    [{"method": "BREW"}, {"path": "x"}, {"path": "/a b"}, {"expect_status": 99}, {"timeout_s": 0}, {"extra": 1}],
)
def test_bad_fields_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HttpAction(kind="http", **fields)

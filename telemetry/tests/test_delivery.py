import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.spans import SpanReceiver

from opsconductor_telemetry import TelemetryError
from opsconductor_telemetry.delivery import DeliveryError, read_collector
from opsconductor_telemetry.traceparent import SAMPLED, parse_traceparent


@contextmanager
def serve(*pieces: bytes, pause_s: float = 0.0) -> Iterator[str]:
    """A server that answers one connection with these pieces, then goes on with the last for as long as it may."""
    over = threading.Event()

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            request = b""
            while not request.endswith(b"\r\n\r\nx"):  # what is left unread would reset the connection
                request += connection.recv(65536)
            try:
                for piece in pieces:
                    connection.sendall(piece)
                while pause_s and not over.wait(pause_s):
                    connection.sendall(pieces[-1])
            except OSError:
                pass

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://jaeger:4318", ("http", "jaeger", 4318, "/v1/traces")),
        ("http://jaeger:4318/", ("http", "jaeger", 4318, "/v1/traces")),
        ("https://traces.example/otlp", ("https", "traces.example", 443, "/otlp/v1/traces")),
        ("http://[::1]:4318", ("http", "::1", 4318, "/v1/traces")),
    ],
)
def test_an_endpoint_is_a_url(endpoint, expected) -> None:
    collector = read_collector(endpoint)
    assert (collector.scheme, collector.host, collector.port, collector.path) == expected


@pytest.mark.parametrize(
    "endpoint", ["jaeger:4318", "http://", "ftp://x", "http://x:port", "nonsense", "http://[::1"]
)
def test_a_wrong_endpoint_is_refused(endpoint) -> None:
    with pytest.raises(TelemetryError, match="cannot send spans"):
        read_collector(endpoint)


def test_a_wrong_table_of_addresses_is_said_at_once(monkeypatch) -> None:
    monkeypatch.setenv("OPSCONDUCTOR_ADDRESSES", "nonsense")
    with pytest.raises(TelemetryError, match="OPSCONDUCTOR_ADDRESSES"):
        read_collector("http://jaeger:4318")


def test_a_name_is_resolved_and_the_request_is_otlp(monkeypatch) -> None:
    with SpanReceiver() as receiver:
        monkeypatch.setenv("OPSCONDUCTOR_ADDRESSES", json.dumps({"jaeger:4318": receiver.endpoint[7:]}))
        read_collector("http://jaeger:4318").post(b"", 5)
        ((path, headers),) = receiver.requests
    assert (path, headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
    parent = parse_traceparent([headers["traceparent"]])
    assert parent
    assert not parent.flags & SAMPLED  # so that a collector that traces itself makes no span of it


@pytest.mark.parametrize(("status", "retriable"), [(400, False), (500, False), (429, True), (502, True), (503, True)])
def test_a_refusal_says_whether_to_send_again(status, retriable) -> None:
    with SpanReceiver(manner=status) as receiver, pytest.raises(DeliveryError, match=str(status)) as caught:
        read_collector(receiver.endpoint).post(b"", 5)
    assert caught.value.retriable is retriable


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nbody until the end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut",
    ],
)
def test_every_form_of_success_counts(answer) -> None:
    with serve(answer) as endpoint:
        read_collector(endpoint).post(b"x", 5)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_answer_is_a_failure(answer) -> None:
    with serve(answer) as endpoint, pytest.raises(DeliveryError):
        read_collector(endpoint).post(b"x", 5)


@pytest.mark.parametrize("piece", [b"H", b"HTTP/1.1 200 OK\r\nx-more: "])
def test_an_answer_that_drips_ends_with_the_time(piece) -> None:
    started = time.monotonic()
    with serve(piece, pause_s=0.05) as endpoint, pytest.raises(DeliveryError, match="timed out"):
        read_collector(endpoint).post(b"x", 0.5)
    assert time.monotonic() - started < 20  # for ever, if each piece began the time anew


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://no-such-host.invalid:1", f"http://{'x' * 70}:1"])
def test_what_cannot_be_reached_may_be_tried_again(endpoint) -> None:
    with pytest.raises(DeliveryError) as caught:
        read_collector(endpoint).post(b"", 5)
    assert caught.value.retriable

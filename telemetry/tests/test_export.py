"""The exporter against collectors that are dead, hanging, slow and refusing: alone, and inside a loaded service."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support.platform import wait_until
from support.servers import find_free_port
from support.spans import SpanReceiver

from opsconductor_telemetry import TelemetryError, export
from opsconductor_telemetry.context import make_root
from opsconductor_telemetry.delivery import read_collector
from opsconductor_telemetry.export import MAX_BATCH_SPANS, MAX_QUEUED_BYTES, MAX_QUEUED_SPANS, SpanExporter
from opsconductor_telemetry.instruments import DROPPED
from opsconductor_telemetry.otlp import encode_resource, encode_span

Make = Callable[[str], SpanExporter]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Exporters with short pauses, ended after the test."""
    made: list[SpanExporter] = []
    for name in ("DELAY_S", "FIRST_PAUSE_S"):
        monkeypatch.setattr(export, name, 0.05)

    def start(endpoint: str) -> SpanExporter:
        made.append(SpanExporter(read_collector(endpoint), encode_resource({"service.name": "test"})))
        return made[-1]

    yield start
    for exporter in made:
        exporter.stop(0)


def encode(name: str, size: int = 0) -> bytes:
    return encode_span(make_root(), name, "internal", (1, 2), {"filler": "x" * size} if size else {})


def count_dropped() -> float:
    return {values: point.value for values, point in DROPPED.collect()}[("traces",)]


def test_spans_arrive_in_batches_under_one_resource(make) -> None:
    with SpanReceiver() as receiver:
        exporter = make(receiver.endpoint)
        for number in range(MAX_BATCH_SPANS + 10):
            exporter.put(encode(str(number)))
        wait_until(lambda: len(receiver.spans) == MAX_BATCH_SPANS + 10, 15, "all spans")
        assert [span.name for span in receiver.spans] == [str(number) for number in range(MAX_BATCH_SPANS + 10)]
        assert {span.service for span in receiver.spans} == {"test"}
        assert len(receiver.requests) == 2


def test_what_is_queued_at_the_stop_is_sent(make) -> None:
    with SpanReceiver() as receiver:
        exporter = make(receiver.endpoint)
        for number in range(3 * MAX_BATCH_SPANS):
            exporter.put(encode(str(number)))
        exporter.stop(15)
        assert len(receiver.spans) == 3 * MAX_BATCH_SPANS
        before = count_dropped()
        exporter.put(encode("late"))
        assert count_dropped() == before + 1


@pytest.mark.parametrize("size", [0, 10_000])
def test_the_queue_is_bounded_and_drops_the_oldest(make, size) -> None:
    with SpanReceiver(manner="hang") as receiver:
        exporter, before = make(receiver.endpoint), count_dropped()
        exporter.put(encode("first"))
        wait_until(lambda: receiver.requests, 15, "the first batch to hang")
        fitting = min(MAX_QUEUED_SPANS, MAX_QUEUED_BYTES // len(encode("x" * 5, size)))
        for number in range(MAX_QUEUED_SPANS + 2000):
            exporter.put(encode(f"{number:05}", size))
        assert len(exporter._spans) == fitting
        assert exporter._bytes == sum(map(len, exporter._spans)) <= MAX_QUEUED_BYTES
        assert f"{MAX_QUEUED_SPANS + 1999:05}".encode() in exporter._spans[-1]
        assert count_dropped() - before == MAX_QUEUED_SPANS + 2000 - fitting
        exporter.stop(0)
        wait_until(lambda: not exporter._thread.is_alive() or exporter._stop_at, 1, "the stop")


def test_a_hanging_collector_is_waited_for_once(make) -> None:
    with SpanReceiver(manner="hang") as receiver:
        exporter = make(receiver.endpoint)
        exporter.put(encode("a"))
        wait_until(lambda: receiver.requests, 15, "the batch to hang")
        started = time.monotonic()
        exporter.stop(0.2)
        exporter.stop(9)
        assert time.monotonic() - started < 8  # the exporter's own patience is 10 s


def test_a_refused_batch_is_sent_again_until_it_is_taken(make) -> None:
    with SpanReceiver(manner=503) as receiver:
        exporter, before = make(receiver.endpoint), count_dropped()
        exporter.put(encode("a"))
        wait_until(lambda: len(receiver.requests) >= 2, 15, "a second try")
        exporter.put(encode("b"))
        receiver.manner = 200
        receiver.wait_for(name="b")
        assert [span.name for span in receiver.spans] == ["a", "b"]
        assert count_dropped() == before


def test_spans_that_the_collector_will_never_take_are_dropped(make) -> None:
    with SpanReceiver(manner=400) as receiver:
        exporter, before = make(receiver.endpoint), count_dropped()
        exporter.put(encode("bad"))
        wait_until(lambda: count_dropped() == before + 1, 15, "the drop")
        receiver.manner = 200
        exporter.put(encode("good"))
        receiver.wait_for(name="good")
        assert [span.name for span in receiver.spans] == ["good"]


def test_a_collector_that_comes_up_later_gets_what_was_queued(make, caplog) -> None:
    caplog.set_level("INFO")
    port = find_free_port()
    exporter = make(f"http://127.0.0.1:{port}")
    exporter.put(encode("early"))
    wait_until(lambda: "cannot export spans" in caplog.text, 15, "the warning")
    with SpanReceiver(port=port) as receiver:
        receiver.wait_for(name="early")
        wait_until(lambda: "spans are exported again" in caplog.text, 15, "the end of the outage")
    assert caplog.text.count("cannot export spans") == 1


def test_without_an_endpoint_there_is_no_exporter(monkeypatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    export.start_export("test")
    assert export.active is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "jaeger")
    with pytest.raises(TelemetryError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        export.start_export("test")
    assert export.active is None


SERVICE = """
    import signal, sys, threading, uvicorn
    from fastapi import FastAPI
    from starlette.routing import Route
    from opsconductor_telemetry import *

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configure("loaded")
    app = FastAPI()
    app.router.routes.append(Route("/metrics", MetricsEndpoint()))

    @app.get("/items/{key}")
    async def show(key: int) -> dict[str, int]:
        for number in range(10):
            with start_span("step", number=number):
                pass
        return {"key": key}

    @app.get("/threads")
    async def list_threads() -> list[str]:
        return [thread.name for thread in threading.enumerate()]

    @app.get("/health")
    async def live() -> str:
        return "ok"

    uvicorn.run(TraceMiddleware(app), port=int(sys.argv[1]), log_config=None, access_log=False)
"""


class Service:
    def __init__(self, folder: Path, endpoint: str | None) -> None:
        port = find_free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "service.log"
        environment = {"PATH": os.environ["PATH"]}
        if endpoint:
            environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
        with self.log.open("wb") as output:
            command = [sys.executable, "-c", textwrap.dedent(SERVICE), str(port)]
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        wait_until(self.is_up, 30, "the service")

    def is_up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            assert self.process.poll() is None, self.log.read_text()
            return False

    def load(self, requests: int) -> list[int]:
        """The status of each; a client waits less for an answer than the exporter does for the collector."""
        with httpx.Client(timeout=8) as client, ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda key: client.get(f"{self.url}/items/{key}").status_code, range(requests)))

    def read_metrics(self) -> dict[str, float]:
        text = httpx.get(f"{self.url}/metrics").text
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def stop(self) -> float:
        """SIGTERM; seconds until the end."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.monotonic() - started

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


REQUESTS, SPANS_EACH = 1200, 11
SUM = 'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/items/{key}"'


@pytest.mark.parametrize("manner", ["dead", "hang", "slow", 500])
def test_a_bad_collector_costs_spans_and_nothing_else(tmp_path, manner) -> None:
    with SpanReceiver(manner=200 if manner == "dead" else manner) as receiver:
        service = Service(tmp_path, "http://127.0.0.1:1" if manner == "dead" else receiver.endpoint)
        try:
            service.load(100)
            before = service.read_metrics()
            assert set(service.load(REQUESTS)) == {200}
            after = service.read_metrics()
            assert after[f'{SUM},http_response_status_code="200"}}'] == REQUESTS + 100
            grown = after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]
            assert grown < 4 * MAX_QUEUED_BYTES
            made, taken = (REQUESTS + 100) * SPANS_EACH, len(receiver.spans)
            lost = after['telemetry_dropped_total{signal="traces"}']
            assert lost >= made - taken - MAX_QUEUED_SPANS - 2 * MAX_BATCH_SPANS
            if manner != "slow":
                assert lost > 0
        finally:
            took_s = service.stop()
        # a server's own stop, and one second for spans: far below the exporter's 10 s
        assert took_s < 6
        assert service.process.returncode == 0
        told = [line["message"] for line in service.lines()].count("cannot export spans")
        assert told in {"dead": [1], "hang": [0, 1], "slow": [0], 500: [1]}[manner]


def test_without_an_endpoint_a_service_has_no_exporter(tmp_path) -> None:
    service = Service(tmp_path, None)
    try:
        assert set(service.load(20)) == {200}
        assert "telemetry-exporter" not in httpx.get(f"{service.url}/threads").json()
        assert service.read_metrics()['telemetry_dropped_total{signal="traces"}'] == 0
    finally:
        service.stop()


def test_a_service_says_who_it_is_and_sends_what_is_left_at_its_end(tmp_path) -> None:
    with SpanReceiver() as receiver:
        service = Service(tmp_path, receiver.endpoint)
        try:
            service.load(3)
        finally:
            service.stop()
        spans = receiver.spans
        assert sorted({span.name for span in spans}) == ["GET /items/{key}", "step"]  # neither probes nor exports
        assert len(spans) == 3 * SPANS_EACH
        roots = {span.span_id: span.trace_id for span in spans if span.kind == "server"}
        steps = [span for span in spans if span.name == "step"]
        assert all(roots[step.parent_id] == step.trace_id for step in steps)
        resource = spans[0].resource
        assert (resource["service.name"], resource["process.pid"]) == ("loaded", service.process.pid)
        assert resource["service.version"]
        assert resource["service.instance.id"].endswith(f":{service.process.pid}")
        logged = {line["span_id"] for line in service.lines() if line["message"] == "request"}
        assert roots.keys() <= logged

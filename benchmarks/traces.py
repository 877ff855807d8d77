"""Traces role: spans a second over OTLP/HTTP and gRPC, fdatasync before each answer, and query latencies.

    python -m benchmarks.traces [--spans 500000] [--batch 5000]

A trace is 10 spans of 5 services with 8 attributes each, about 400 bytes a span. Client, writer, query worker and
compactor share this machine's cores.
"""

import argparse
import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc

from opsconductor.traces.messages import REQUEST, message_type

CONFIG = "extensions: {jaeger_storage: {backends: {traces: {badger: {ttl: {spans: 0}}}}}}\n"
SERVICES = ("frontend", "auth", "backend", "worker", "scheduler")
SPANS_A_TRACE = 10
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
HOUR_NS = 3_600_000_000_000


def make_trace_id(number: int) -> bytes:
    return random.Random(number).randbytes(16)


def fill_span(spans: Any, chance: random.Random, number: int, start_ns: int) -> None:
    trace, place = divmod(number, SPANS_A_TRACE)
    span = spans.add(
        trace_id=make_trace_id(trace),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=(number - 1).to_bytes(8, "big") if place else b"",
        name=f"GET /api/things/{place}",
        kind=2 if place % 2 == 0 else 3,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + int(chance.expovariate(1 / 20e6)),
    )
    texts = {
        "http.request.method": "GET",
        "http.route": f"/api/things/{place}",
        "url.path": f"/api/things/{chance.randrange(50_000)}",
        "client.address": f"10.0.{chance.randrange(256)}.{chance.randrange(256)}",
        "network.protocol.version": "1.1",
        "user_agent.original": "benchmark/1.0",
    }
    for key, text in texts.items():
        span.attributes.add(key=key).value.string_value = text
    span.attributes.add(key="http.response.status_code").value.int_value = chance.choice([200] * 19 + [500])
    span.attributes.add(key="number").value.int_value = number


def make_bodies(spans: int, batch: int, first: int, now: int) -> Iterator[bytes]:
    """Bodies of whole traces whose spans end now, a millisecond apart."""
    chance = random.Random(1)
    for start in range(0, spans, batch):
        request = message_type(REQUEST)()
        lists = []
        for service in SERVICES:
            resource = request.resource_spans.add()
            for key, value in (("service.name", service), ("service.version", "1.0"), ("host.name", "one")):
                resource.resource.attributes.add(key=key).value.string_value = value
            lists.append(resource.scope_spans.add(scope={"name": "benchmark"}).spans)
        for number in range(start, min(start + batch, spans)):
            time_ns = now - (spans - number) * 1_000_000
            fill_span(lists[number % len(SERVICES)], chance, first + number, time_ns)
        yield request.SerializeToString()


def start_role(folder: Path) -> tuple["subprocess.Popen[str]", dict[str, int]]:
    (folder / "jaeger.yml").write_text(CONFIG)
    options = ["--config", str(folder / "jaeger.yml"), "--data", str(folder / "data"), "--listen", "127.0.0.1:0"]
    options += ["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"]
    command = [sys.executable, "-m", "opsconductor.cli.main", "run", "traces", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "server.port" not in (line := json.loads(process.stdout.readline())):
        pass
    ports = {"query": line["server.port"], "http": line["otlp-http"], "grpc": line["otlp-grpc"]}
    while get(ports["query"], "/ready")[0] != 200:
        time.sleep(0.05)
    return process, ports


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def send_http(port: int, bodies: list[bytes]) -> list[float]:
    """Seconds of each request."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took = []
    for body in bodies:
        started = time.perf_counter()
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        if answer.read() or answer.status != 200:
            raise SystemExit(f"cannot send: {answer.status}")
        took.append(time.perf_counter() - started)
    return took


def send_grpc(port: int, bodies: list[bytes]) -> list[float]:
    """Seconds of each call."""
    took = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        export = channel.unary_unary(EXPORT)
        for body in bodies:
            started = time.perf_counter()
            if export(body):
                raise SystemExit("cannot send: spans were refused")
            took.append(time.perf_counter() - started)
    return took


def print_ingest(name: str, spans: int, batch: int, send: Callable[[], list[float]]) -> None:
    started = time.perf_counter()
    took = sorted(send())
    seconds = time.perf_counter() - started
    print(f"{name}: {spans / seconds / 1000:.0f} thousand spans/s over one connection;", end=" ")
    median, worst = statistics.median(took) * 1000, took[int(len(took) * 0.99)] * 1000
    print(f"{batch} spans: median {median:.1f} ms, p99 {worst:.1f} ms")


def print_queries(port: int, when: str, queries: dict[str, str]) -> None:
    for name, path in queries.items():
        took, size = [], 0
        for _ in range(6):
            started = time.perf_counter()
            status, body = get(port, path)
            took.append((time.perf_counter() - started) * 1000)
            size = len(body)
            if status != 200:
                raise SystemExit(f"cannot query {path}: {status} {body[:200]!r}")
        print(f"{when}, {name}: median {statistics.median(took[1:]):.0f} ms, first {took[0]:.0f} ms, {size} bytes")


def list_queries(spans: int) -> dict[str, str]:
    encode = urllib.parse.urlencode
    return {
        "services": "/api/services",
        "last 20 traces of a service": "/api/traces?" + encode({"service": "auth", "limit": 20}),
        "20 traces by a tag": "/api/traces?"
        + encode({"service": "auth", "limit": 20, "tags": '{"http.response.status_code":"500"}'}),
        "one trace by a tag that is rare": "/api/traces?" + encode({"limit": 20, "tag": f"number:{spans // 3}"}),
        "a tag that is nowhere": "/api/traces?" + encode({"limit": 20, "tag": "number:none"}),
        "one trace by id": f"/api/traces/{make_trace_id(spans // SPANS_A_TRACE // 3).hex()}",
        "dependencies of a day": "/api/dependencies",
    }


def main() -> int:
    """Send over both transports, then query before and after the compactor's work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=500_000)
    parser.add_argument("--batch", type=int, default=5_000)
    options = parser.parse_args()
    half = options.spans // 2 // SPANS_A_TRACE * SPANS_A_TRACE
    now = time.time_ns()
    with tempfile.TemporaryDirectory() as folder:
        process, ports = start_role(Path(folder))
        try:
            bodies = list(make_bodies(half, options.batch, 1, now - HOUR_NS))
            print_ingest("http", half, options.batch, lambda: send_http(ports["http"], bodies))
            bodies = list(make_bodies(half, options.batch, 1 + half, now))
            print_ingest("grpc", half, options.batch, lambda: send_grpc(ports["grpc"], bodies))
            print_queries(ports["query"], "at once", list_queries(options.spans))
            time.sleep(15)
            print_queries(ports["query"], "15 s later", list_queries(options.spans))
        finally:
            process.terminate()
            process.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Logs role: lines a second over one connection, fdatasync before each answer, and query latencies.

    python -m benchmarks.logs_ingest [--lines 500000] [--batch 5000]

Pushes are protobuf in snappy, JSON lines of about 300 bytes over 30 streams. Client, writer and compactor share this
machine's cores.
"""

import argparse
import hashlib
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

import cramjam
from google.protobuf import descriptor_pool, message_factory

from opsconductor.logs.descriptors import PACKAGE, build_file

CONFIG = "auth_enabled: false\nlimits_config: {ingestion_rate_mb: 4096, ingestion_burst_size_mb: 4096}\n"
STREAMS = 30
PUSH = "/loki/api/v1/push"
HEADERS = {"Content-Type": "application/x-protobuf"}
SECOND = 1_000_000_000


def make_trace_id(number: int) -> str:
    return hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()


QUERIES = {
    "last 100 lines of every stream": '{service=~".+"}',
    "last 100 lines of one stream": '{service="s3"}',
    "one trace id": f'{{service=~".+"}} |= "{make_trace_id(7)}"',
    "a word that is nowhere": '{service=~".+"} |= "no such words"',
    "errors by json": '{service=~".+"} | json | status="500"',
    "lines a minute by service": 'sum by (service) (count_over_time({service=~".+"}[1m]))',
}


def make_line(chance: random.Random, number: int) -> bytes:
    fields = {
        "time": f"2026-01-02T03:04:05.{chance.randrange(10**6):06d}Z",
        "level": "info",
        "service": "auth",
        "message": "request",
        "method": chance.choice(["GET", "POST"]),
        "path": f"/api/runs/{chance.randrange(50_000)}",
        "status": chance.choice([200] * 19 + [500]),
        "duration_ms": round(chance.expovariate(0.1), 3),
        "client": f"10.0.{chance.randrange(256)}.{chance.randrange(256)}",
        "trace_id": make_trace_id(number),
        "span_id": f"{chance.getrandbits(64):016x}",
    }
    return json.dumps(fields).encode()


def make_bodies(lines: int, batch: int, now: int) -> Iterator[bytes]:
    """Bodies whose lines end now, a millisecond apart."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(build_file().SerializeToString())
    message: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.PushRequest"))
    chance = random.Random(1)
    for start in range(0, lines, batch):
        request = message()
        streams = [request.streams.add(labels=f'{{service="s{n}", level="info"}}'.encode()) for n in range(STREAMS)]
        for number in range(start, start + batch):
            time_ns = now - (lines - number) * 1_000_000
            entry = streams[number % STREAMS].entries.add(line=make_line(chance, number))
            entry.timestamp.seconds, entry.timestamp.nanos = divmod(time_ns, SECOND)
        yield bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def start_role(folder: Path) -> tuple[subprocess.Popen[str], int]:
    (folder / "loki.yml").write_text(CONFIG)
    options = ["--config", str(folder / "loki.yml"), "--data", str(folder / "data"), "--listen", "127.0.0.1:0"]
    command = [sys.executable, "-m", "opsconductor.cli.main", "run", "logs", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = int(json.loads(process.stdout.readline())["server.port"])
    while get(port, "/ready") != 200:
        time.sleep(0.05)
    return process, port


def get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def push_all(port: int, bodies: list[bytes]) -> list[float]:
    """Seconds of each push."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took = []
    for body in bodies:
        started = time.perf_counter()
        connection.request("POST", PUSH, body, HEADERS)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 204:
            raise SystemExit(f"cannot push: {answer.status} {text.decode()}")
        took.append(time.perf_counter() - started)
    return took


def measure(work: Callable[[], object], rounds: int = 7) -> tuple[float, float]:
    """(median, worst) milliseconds after one warm-up."""
    work()
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took), max(took)


def print_queries(port: int, when: str) -> None:
    for name, query in QUERIES.items():
        path = "/loki/api/v1/query_range?" + urllib.parse.urlencode({"query": query, "since": "1h"})
        median, worst = measure(lambda path=path: get(port, path))  # type: ignore[misc]  # bound now
        print(f"{when}, {name}: median {median:.0f} ms, worst {worst:.0f} ms")


def main() -> int:
    """Push, then query before and after the compactor's work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--batch", type=int, default=5_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, port = start_role(Path(folder))
        try:
            bodies = list(make_bodies(options.lines, options.batch, time.time_ns()))
            started = time.perf_counter()
            took = sorted(push_all(port, bodies))
            seconds = time.perf_counter() - started
            print(f"ingest: {options.lines / seconds / 1000:.0f} thousand lines/s, one connection")
            print(f"push of {options.batch}: median {took[len(took) // 2] * 1000:.1f} ms,", end=" ")
            print(f"p99 {took[int(len(took) * 0.99)] * 1000:.1f} ms")
            print_queries(port, "at once")
            time.sleep(15)
            print_queries(port, "15 s later")
        finally:
            process.terminate()
            process.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

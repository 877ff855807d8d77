"""Collector: lines a second from file to answered push, CPU and memory, by pipeline.

    python -m benchmarks.collector [--lines 200000]

One file of JSON lines of about 300 bytes; the store is a process that reads each body and answers 204. `shipped` is
the pipeline of config/promtail.yml.
"""

import argparse
import json
import os
import socketserver
import subprocess
import sys
import tempfile
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
JSON_STAGES = [
    {"json": {"expressions": {"level": "level", "time": "time"}}},
    {"labels": {"level": None}},
    {"timestamp": {"source": "time", "format": "RFC3339Nano"}},
]


class Handler(BaseHTTPRequestHandler):
    """A store that forgets."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read the body and say 204."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


def write_lines(path: Path, count: int) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        for number in range(count):
            second, micro = divmod(number * 997, 1_000_000)
            line = {
                "time": f"2026-01-02T03:{second // 60 % 60:02d}:{second % 60:02d}.{micro:06d}Z",
                "level": ("info", "info", "warning", "error")[number % 4],
                "service": "auth",
                "logger": "auth_service.requests",
                "message": "request",
                "trace_id": f"{number * 7919:032x}",
                "span_id": f"{number:016x}",
                "http.request.method": "GET",
                "url.path": f"/api/targets/{number % 977}",
                "http.response.status_code": 200,
                "duration_ms": number % 500 / 10,
            }
            file.write(json.dumps(line) + "\n")
    return path.stat().st_size


def read_figure(port: int, name: str) -> float:
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def free_port() -> int:
    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        return int(server.server_address[1])


def run(name: str, stages: list[object], lines: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        size = write_lines(root / "log" / "opsconductor" / "auth" / "auth.log", lines)
        store_port, port = free_port(), free_port()
        labels = {"__path__": f"{root}/log/opsconductor/*/*.log", "cluster": "business", "level": "unknown"}
        config = {
            "clients": [{"url": f"http://127.0.0.1:{store_port}/push"}],
            "scrape_configs": [{"job_name": "x", "static_configs": [{"labels": labels}], "pipeline_stages": stages}],
        }
        (root / "promtail.yml").write_text(yaml.safe_dump(config))
        store = os.fork()
        if store == 0:
            HTTPServer(("127.0.0.1", store_port), Handler).serve_forever()
        words = ["run", "collector", "--config", str(root / "promtail.yml"), "--data", str(root / "data")]
        command = [sys.executable, "-m", "opsconductor.cli.main", *words, "--listen", f"127.0.0.1:{port}"]
        collector = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        started, sent = 0.0, 0.0
        try:
            while sent < lines:
                time.sleep(0.05)
                try:
                    sent = read_figure(port, "promtail_sent_entries_total{")
                except OSError:
                    continue
                started = started or time.perf_counter()
            seconds = time.perf_counter() - started
            clock = os.sysconf("SC_CLK_TCK")
            used = [
                int(text)
                for text in Path(f"/proc/{collector.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            ]
            status = Path(f"/proc/{collector.pid}/status").read_text()
            peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024
        finally:
            collector.terminate()
            collector.wait()
            os.kill(store, 9)
            os.waitpid(store, 0)
        print(
            f"{name:8} {lines / seconds / 1000:7.1f} k lines/s {size / seconds / 1e6:7.1f} MB/s"
            f"   {sum(used) / clock / lines * 1e6:6.1f} µs CPU a line   peak memory {peak} MB"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    lines = parser.parse_args().lines
    shipped = yaml.safe_load((ROOT / "config" / "promtail.yml").read_text())["scrape_configs"][0]["pipeline_stages"]
    for name, stages in (("none", []), ("json", JSON_STAGES), ("shipped", shipped)):
        run(name, stages, lines)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

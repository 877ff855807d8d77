"""CPU microseconds of a request in a bare FastAPI service and in ones with telemetry, the collector live or dead.

All servers are alive at once and take turns in short slices, so that a busy machine disturbs them alike. Counted is
the CPU time of all threads of the server's process (/proc/<pid>/task/*/schedstat), its exporter and writer included.
"""

import statistics
import subprocess
import sys
import textwrap
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.servers import find_free_port

ROUNDS = 40
REQUESTS = 200
DEAD = "http://127.0.0.1:1"

SERVICE = """
    import sys, uvicorn
    from fastapi import FastAPI

    port, telemetry = int(sys.argv[1]), sys.argv[2] == "telemetry"
    app = FastAPI(openapi_url=None)

    @app.get("/orders/{key}")
    async def show(key: int) -> dict[str, object]:
        lines = [{"sku": f"A-{number}", "quantity": number, "price": 9.5 * number} for number in range(5)]
        return {"id": key, "status": "shipped", "lines": lines}

    if telemetry:
        from opsconductor_telemetry import TraceMiddleware, configure
        configure("bench")
        app = TraceMiddleware(app)
    uvicorn.run(app, port=port, http="httptools", loop="uvloop", log_config=None, access_log=False)
"""

COLLECTOR = """
    import sys
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        def log_message(self, *_):
            pass

    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@dataclass
class Server:
    """One variant; `costs` holds CPU microseconds a request, one of each round."""

    name: str
    process: subprocess.Popen[bytes]
    client: httpx.Client
    costs: list[float] = field(default_factory=list)

    def measure_cpu_ns(self) -> int:
        """Of all threads since the start."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks)

    def drive(self, requests: int) -> None:
        """Requests, one after another on one connection."""
        for key in range(requests):
            self.client.get(f"/orders/{key}").raise_for_status()


def start(stack: ExitStack, code: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
    """A Python process whose output a reader takes away, as a supervisor does."""
    drain = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-c", textwrap.dedent(code), *words]
    process = subprocess.Popen(command, stdout=drain.stdin, env={"PATH": "/usr/bin:/bin", **environment})
    for one in (drain, process):
        stack.callback(one.wait, 10)
        stack.callback(one.kill)
    return process


def start_server(stack: ExitStack, name: str, mode: str, **environment: str) -> Server:
    """A variant, ready."""
    port = find_free_port()
    process = start(stack, SERVICE, str(port), mode, **environment)
    client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}"))
    server = Server(name, process, client)
    for _ in range(300):
        try:
            server.drive(1)
            break
        except httpx.TransportError:
            time.sleep(0.1)
    return server


def main() -> int:
    """Print a line for each variant: the median cost, and its median ratio and distance to the bare one's."""
    with ExitStack() as stack:
        port = find_free_port()
        start(stack, COLLECTOR, str(port))
        servers = [
            start_server(stack, "bare", "bare"),
            start_server(stack, "logs, metrics", "telemetry"),
            start_server(stack, "and spans", "telemetry", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}"),
            start_server(stack, "collector dead", "telemetry", OTEL_EXPORTER_OTLP_ENDPOINT=DEAD),
        ]
        for server in servers:
            server.drive(REQUESTS)
        for _ in range(ROUNDS):
            for server in servers:
                before = server.measure_cpu_ns()
                server.drive(REQUESTS)
                server.costs.append((server.measure_cpu_ns() - before) / 1000 / REQUESTS)
        bare = servers[0].costs
        for server in servers:
            pairs = list(zip(server.costs, bare, strict=True))
            cost = statistics.median(server.costs)
            ratio, more = statistics.median(a / b for a, b in pairs), statistics.median(a - b for a, b in pairs)
            print(f"{server.name:16} {cost:6.0f} µs CPU a request  {ratio:5.2f} of bare  {more:+5.0f} µs")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

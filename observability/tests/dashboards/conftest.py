"""A real dashboards role before a store that a test can watch, break and hold."""

import gzip
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.role_process import RoleProcess, free_port

DASHBOARD = {"uid": "one", "title": "The platform", "tags": ["shipped"], "panels": []}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Store"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        special = getattr(self, "do" + path.replace("/base", "").replace("/", "_"), None)
        if special:
            special()
            return
        seen = {"method": self.command, "path": self.path, "headers": dict(self.headers.items())}
        self.send(200, json.dumps({**seen, "body": body.decode()}).encode())

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_page(self) -> None:
        headers = {"Set-Cookie": "a=b", "X-Secret": "s", "Content-Type": "text/html", "Server": "store"}
        self.send(200, b"<script>1</script>", headers)

    def do_moved(self) -> None:
        self.send(302, b"", {"Location": "http://elsewhere.example/"})

    def do_refused(self) -> None:
        self.send(400, b'{"error": "bad query"}')

    def do_gzip(self) -> None:
        self.send(200, gzip.compress(b"x" * 5000), {"Content-Encoding": "gzip"})

    def do_hang(self) -> None:
        self.server.hanging.set()
        self.connection.settimeout(20)
        if self.connection.recv(1) == b"":
            self.server.left.set()
        self.close_connection = True

    def do_parts(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.server.go_on.wait(20)
        self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    def do_cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        return


class Store(ThreadingHTTPServer):
    """Echoes; its special paths are the methods of Handler."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hanging, self.left, self.go_on = threading.Event(), threading.Event(), threading.Event()


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    server = Store()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


def write_provisioning(folder: Path, sources: dict[str, tuple[str, str]]) -> Path:
    """A provisioning folder with data sources uid → (type, url) and the one dashboard."""
    for name in ("datasources", "dashboards", "json"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    entries = [
        {"name": f"The {uid}", "uid": uid, "type": kind, "url": url, "jsonData": {"note": "$$x"}}
        for uid, (kind, url) in sources.items()
    ]
    (folder / "datasources/all.yml").write_text(json.dumps({"apiVersion": 1, "datasources": entries}))
    provider = {"name": "x", "folder": "Shipped", "type": "file", "options": {"path": str(folder / "json")}}
    (folder / "dashboards/all.yml").write_text(json.dumps({"apiVersion": 1, "providers": [provider]}))
    (folder / "json/one.json").write_text(json.dumps(DASHBOARD))
    (folder / "json/broken.json").write_text("{")
    return folder


class Dashboards:
    """A dashboards role that runs, and clients of it."""

    def __init__(self, folder: Path, sources: dict[str, tuple[str, str]], names: dict[str, str]) -> None:
        self.folder = folder
        (folder / "static/assets").mkdir(parents=True)
        (folder / "static/index.html").write_text("<!doctype html>the UI")
        (folder / "static/assets/app.js").write_text("run()")
        (folder / "secret.txt").write_text("not for the world")
        provisioning = write_provisioning(folder / "provisioning", sources)
        self.role = RoleProcess("dashboards", provisioning, folder / "data")
        self.environment = {
            "GF_DATAPROXY_TIMEOUT": "1",
            "GF_SERVER_STATIC_ROOT_PATH": str(folder / "static"),
            "OPSCONDUCTOR_ADDRESSES": json.dumps(names),
            "HTTP_PROXY": "http://127.0.0.1:1",
        }
        self.start()

    def start(self) -> None:
        self.role.start(environment=self.environment)

    @property
    def url(self) -> str:
        return self.role.url

    @property
    def password(self) -> str:
        return (self.folder / "data/admin-password").read_text().strip()

    def open_client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20, trust_env=False, **options)

    def log_in(self, client: httpx.Client) -> httpx.Client:
        answer = client.post("/login", json={"user": "admin", "password": self.password})
        assert answer.status_code == 200, answer.text
        return client

    def lines(self) -> list[dict[str, Any]]:
        """What the role logged."""
        return [json.loads(line) for line in self.role.output.read_text().splitlines()]


@pytest.fixture(scope="session")
def shared(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboards]:
    address = f"127.0.0.1:{store.server_port}"
    sources = {
        "store": ("loki", "http://store:3100"),
        "based": ("prometheus", "http://store:3100/base/"),
        "dead": ("jaeger", "http://dead:1234"),
        "guarded": ("alertmanager", "http://someone:pa%3Ass@store:3100"),
    }
    names = {"store:3100": address, "dead:1234": f"127.0.0.1:{free_port()}"}
    dashboards = Dashboards(tmp_path_factory.mktemp("a folder"), sources, names)
    yield dashboards
    assert dashboards.role.stop() == 0


@pytest.fixture
def anybody(shared: Dashboards) -> Iterator[httpx.Client]:
    with shared.open_client() as client:
        yield client


@pytest.fixture
def admin(shared: Dashboards, anybody: httpx.Client) -> httpx.Client:
    return shared.log_in(anybody)


@pytest.fixture
def make_dashboards(tmp_path: Path) -> Iterator[Any]:
    """Starts roles of a test's own: make_dashboards(sources, names)."""
    started: list[Dashboards] = []

    def make(sources: dict[str, tuple[str, str]] | None = None, names: dict[str, str] | None = None) -> Dashboards:
        started.append(Dashboards(tmp_path / f"role {len(started)}", sources or {}, names or {}))
        return started[-1]

    yield make
    for one in started:
        one.role.kill()


@pytest.fixture
def provisioning_writer() -> Any:
    return write_provisioning


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GF_"):
            monkeypatch.delenv(name)

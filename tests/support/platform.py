"""A running OpsConductor for acceptance tests: both clusters in a home and on ports of their own."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PORTS = (
    *(8001, 8000, 3000, 8002, 8003, 5432, 6379, 8080),
    *(9080, 3100, 9090, 9093, 3001, 9100, 9187, 9121, 9113, 16686, 4317, 4318),
)
BUSINESS = ("postgres", "redis", "auth", "backend", "worker", "scheduler", "frontend", "nginx")


def find_offset() -> int:
    """A port offset at which every box's port is free."""
    for _ in range(100):
        offset = random.randrange(10_000, 16_000, 10)  # below the ports that the kernel hands out to clients
        if all(is_free(port + offset) for port in PORTS):
            return offset
    raise RuntimeError("no free range of ports")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def list_tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for task in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((task / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(task.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += parents.get(found[-1], [])
    return found


def kill_tree(pid: int) -> None:
    """kill -9 of the process and all its descendants."""
    for one in list_tree(pid):
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait_until(condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """The first true value of the condition; fails the test after the timeout."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.05)


@dataclass
class Platform:
    home: Path
    offset: int = field(default_factory=find_offset)

    def run(self, *words: str, check: bool = True, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        """`opsconductor WORDS --home …`, as a user would call it."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPSCONDUCTOR_")}
        done = subprocess.run(
            [sys.executable, "-m", "opsconductor.cli.main", *words, "--home", str(self.home)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=ROOT,
            env=environment,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"opsconductor {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def up(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--detach", "--wait", "--port-offset", str(self.offset), *words)

    def down(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("down", *words)

    def status(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.run("status", "--json", check=False).stdout)
        return state

    def clusters(self) -> dict[str, dict[str, Any]]:
        """State of each cluster: pid of its supervisor, boxes."""
        clusters: dict[str, dict[str, Any]] = self.status()["clusters"]
        return clusters

    def boxes(self) -> dict[str, dict[str, Any]]:
        """State of each box."""
        return {box["name"]: box for cluster in self.clusters().values() for box in cluster.get("boxes", ())}

    def kill_box(self, name: str) -> None:
        """kill -9 of a box with its children."""
        kill_tree(self.boxes()[name]["pid"])

    def port(self, default: int) -> int:
        return default + self.offset

    @property
    def door(self) -> str:
        return f"http://127.0.0.1:{self.port(8080)}"

    @property
    def logs(self) -> str:
        return f"http://127.0.0.1:{self.port(3100)}"

    @property
    def password(self) -> str:
        return (self.home / "secrets/administrator-password").read_text().strip()

    @contextmanager
    def log_in(self) -> Iterator[httpx.Client]:
        """An API client of the administrator, through Nginx."""
        with httpx.Client(base_url=self.door, timeout=20) as client:
            answer = client.post("/api/auth/login", json={"username": "admin", "password": self.password})
            assert answer.status_code == 200, answer.text
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client

    def query(self, text: str, since_s: float = 3600, limit: int = 5000) -> list[tuple[dict[str, str], int, str]]:
        """(labels, time_ns, line) of a log query over the HTTP API."""
        now = time.time()
        answer = httpx.get(
            f"{self.logs}/loki/api/v1/query_range",
            params={
                "query": text,
                "start": str(int((now - since_s) * 1e9)),
                "end": str(int((now + 60) * 1e9)),
                "limit": str(limit),
            },
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return [
            (stream["stream"], int(time_ns), line)
            for stream in answer.json()["data"]["result"]
            for time_ns, line, *_ in stream["values"]
        ]

    def read_files(self, box: str) -> list[str]:
        """Every line that a box has written, rotated files included."""
        folder = self.home / "var/log/opsconductor" / box
        return [
            line
            for path in sorted(folder.glob(f"{box}.log*"), reverse=True)
            for line in path.read_bytes().decode(errors="replace").split("\n")[:-1]
        ]

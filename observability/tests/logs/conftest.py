"""A real logs role: `opsconductor run logs` in a process group of its own, on a port the kernel chooses."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

CONFIG = """\
auth_enabled: true
limits_config:
  ingestion_rate_mb: 512
  ingestion_burst_size_mb: 512
"""
START_S = 60


class Role:
    """One start of the role. `tenant` is sent with every request."""

    def __init__(self, folder: Path, data: Path, config: str, listen: str):
        self.data = data
        config_file = folder / "loki.yml"
        config_file.write_text(config)
        self.output = folder / f"output-{uuid.uuid4().hex}"
        command = [
            sys.executable,
            "-m",
            "opsconductor.cli.main",
            "run",
            "logs",
            "--config",
            config_file,
            "--data",
            data,
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPSCONDUCTOR_")}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*map(str, command), "--listen", listen],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        self.port = self._read_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def _read_port(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            for line in self.lines():
                if line.get("message") == "listening":
                    return line["server.port"]
            time.sleep(0.02)
        raise AssertionError(f"the role does not listen: {self.output.read_text()}")

    def lines(self):
        """The JSON lines that the role wrote."""
        found = [line for line in self.output.read_bytes().split(b"\n")[:-1] if line.startswith(b"{")]
        return [json.loads(line) for line in found]

    def wait_ready(self):
        deadline = time.monotonic() + START_S
        while self.client.get("/ready").status_code != 200:
            assert time.monotonic() < deadline, self.output.read_text()
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(0.02)
        return self

    def children(self):
        """pid → module of each child."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = {}
        for pid in map(int, path.read_text().split()):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it has just ended
            found[pid] = words[2].decode().rpartition(".")[2] if len(words) > 2 else "starting"
        return found

    def kill_group(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def push(self, tenant, labels, lines, **headers):
        """Push (time ns, line[, metadata]) as JSON."""
        values = [[str(time_ns), *rest] for time_ns, *rest in lines]
        body = {"streams": [{"stream": labels, "values": values}]}
        return self.client.post("/loki/api/v1/push", json=body, headers={"X-Scope-OrgID": tenant, **headers})

    def get(self, path, tenant, **params):
        headers = {"X-Scope-OrgID": tenant, **params.pop("headers", {})}
        return self.client.get(f"/loki/api/v1/{path}", params=params, headers=headers)

    def query(self, tenant, query, **params):
        """(time ns, line) of each entry, oldest first."""
        params = {"limit": 5000, **params}
        answer = self.get("query_range", tenant, query=query, **params)
        assert answer.status_code == 200, answer.text
        values = [value for one in answer.json()["data"]["result"] for value in one["values"]]
        return sorted((int(value[0]), value[1]) for value in values)


@pytest.fixture
def start_role(tmp_path_factory):
    """start_role(data=None, config=CONFIG): roles of one test; what still runs at its end is killed."""
    with keep_roles(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def role(tmp_path_factory):
    """One role for every test that leaves it alive; tests keep apart by tenant."""
    with keep_roles(tmp_path_factory) as start:
        yield start()


@contextmanager
def keep_roles(tmp_path_factory):
    roles = []

    def start(data=None, config=CONFIG, listen="127.0.0.1:0"):
        folder = tmp_path_factory.mktemp("role")
        roles.append(Role(folder, data or folder / "data", config, listen))
        return roles[-1].wait_ready()

    try:
        yield start
    finally:
        for role in roles:
            role.client.close()
            if role.process.poll() is None:
                role.kill_group()


@pytest.fixture
def tenant():
    return uuid.uuid4().hex


@pytest.fixture
def now():
    return time.time_ns()

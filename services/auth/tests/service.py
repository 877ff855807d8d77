"""The service as a process of its own, and a client of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass
class RunningService:
    process: subprocess.Popen[bytes]
    url: str
    output: Path
    environment: dict[str, str]

    @property
    def administrator_password(self) -> str:
        return Path(self.environment["ADMINISTRATOR_PASSWORD_FILE"]).read_text().strip()

    def lines(self) -> list[dict[str, Any]]:
        """Every line written so far."""
        return [json.loads(line) for line in self.output.read_text().splitlines()]

    def wait_for_line(self, message: str, **fields: Any) -> dict[str, Any]:
        """The first line with that message and these fields."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for line in self.lines():
                if line["message"] == message and fields.items() <= line.items():
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no line {message} {fields} in {self.output.read_text()}")

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/ready").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.output.read_text()}")

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"{self.url}/api/auth", headers=headers, timeout=30)

    def log_in(self, username: str, password: str, **options: Any) -> httpx.Response:
        with self.client() as client:
            return client.post("/login", json={"username": username, "password": password}, **options)

    def log_in_administrator(self) -> dict[str, Any]:
        answer = self.log_in("admin", self.administrator_password)
        assert answer.status_code == 200, answer.text
        return answer.json()


def start_service(environment: dict[str, str], folder: Path, **more: str) -> RunningService:
    """Start `python -m auth_service` on a free port; LISTEN is chosen here where it names port 0."""
    environment = {**environment, **more}
    if environment["LISTEN"].endswith(":0"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            environment["LISTEN"] = f"127.0.0.1:{probe.getsockname()[1]}"
    output = folder / "output.log"
    with open(output, "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "auth_service"],
            env={"PATH": os.environ["PATH"], **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    return RunningService(process, f"http://{environment['LISTEN']}", output, environment)

"""A role as a real process on a free port, for tests of the observability rooms."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RoleProcess:
    """`opsconductor run ROLE`; a process group of its own, so that kill() takes its children too."""

    def __init__(self, role: str, config: Path, data: Path, port: int | None = None) -> None:
        self.role, self.config, self.data = role, config, data
        self.port = port or free_port()
        self.output = data.parent / f"{role}.out"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *more: str, ready_s: float = 30, environment: dict[str, str] | None = None) -> "RoleProcess":
        words = ["run", self.role, "--config", str(self.config), "--data", str(self.data)]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "opsconductor.cli.main", *words, "--listen", f"127.0.0.1:{self.port}", *more],
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        deadline = time.monotonic() + ready_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/ready", timeout=2).status_code == 200:
                    return self
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        self.kill()
        raise AssertionError(f"{self.role} is not ready:\n{self.output.read_text()[-4000:]}")

    def kill(self) -> None:
        """kill -9 of the role and all its children."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None

    def stop(self, within_s: float = 10) -> int:
        """SIGTERM; its exit status."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            status = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self.process = None
        return status

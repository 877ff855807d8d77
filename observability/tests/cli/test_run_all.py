"""`opsconductor run all`: every role answers, a signal ends them all, and the end of one ends the others."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from opsconductor.cli.ports import Ports
from opsconductor.cli.run_all import CONFIGURATIONS

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture
def running(tmp_path: Path, offset: int) -> Iterator[tuple["subprocess.Popen[bytes]", Ports]]:
    words = ["run", "all", "--config", str(CONFIG), "--data", str(tmp_path / "data"), "--port-offset", str(offset)]
    environment = {**os.environ, "OPSCONDUCTOR_HOME": str(tmp_path)}
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/prometheus").symlink_to(CONFIG)
    process = subprocess.Popen(
        [sys.executable, "-m", "opsconductor.cli.main", *words], env=environment, stdout=subprocess.DEVNULL
    )
    yield process, Ports(offset)
    process.terminate()
    process.wait(15)


def wait_until_ready(ports: Ports) -> None:
    deadline = time.monotonic() + 40
    for role in CONFIGURATIONS:
        while True:
            try:
                if httpx.get(f"http://{ports.listen(role)}/ready", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            assert time.monotonic() < deadline, role
            time.sleep(0.1)


def list_children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_all_roles_run_and_end_together(running: tuple["subprocess.Popen[bytes]", Ports]) -> None:
    process, ports = running
    wait_until_ready(ports)
    children = list_children(process.pid)
    assert len(children) == len(CONFIGURATIONS)
    os.kill(children[0], signal.SIGKILL)
    assert process.wait(20) == 1
    assert not any(Path(f"/proc/{child}").exists() for child in children)

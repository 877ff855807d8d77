import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from opsconductor.cli.box import BoxStatus
from opsconductor.cli.health import Probe
from opsconductor.cli.home import Home, prepare_home
from opsconductor.cli.launch import end_leftovers, stop_clusters
from opsconductor.cli.ports import DEFAULT_PORTS, Ports, is_free
from opsconductor.cli.state import CLUSTERS, ClusterState, read_running

FAKE_CLUSTER = Path(__file__).with_name("fake_cluster.py")


def wait_until(check: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """The first true answer of check."""
    until = time.monotonic() + timeout_s
    while not (answer := check()):
        assert time.monotonic() < until, "what the test waits for does not happen"
        time.sleep(0.03)
    return answer


def pick_offset() -> int:
    """A port offset with which all ports are free."""
    while True:
        offset = random.randrange(10000, 16000)  # below the ports that the kernel hands out to clients
        if all(is_free(port) for box in DEFAULT_PORTS for port in Ports(offset).all_of(box)):
            return offset


def pick_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class FakeCluster:
    """A supervisor process over fake boxes in a home of its own."""

    def __init__(self, home: Home, cluster: str) -> None:
        self.home = home
        self.cluster = cluster
        self.config = Path("/")
        self.offset = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        *boxes: dict[str, Any],
        program: Path = FAKE_CLUSTER,
        python: Sequence[str] = (sys.executable,),
    ) -> "FakeCluster":
        if boxes:
            table = [{"name": f"box{number}", "port": pick_port(), **box} for number, box in enumerate(boxes)]
            (self.home.root / "boxes.json").write_text(json.dumps(table))
        argv = [*python, str(program), self.cluster, "--home", str(self.home.root), "--config", str(self.config)]
        with open(self.home.last_words(self.cluster), "wb") as said:
            self.process = subprocess.Popen(
                [*argv, "--port-offset", str(self.offset)], stdout=said, stderr=said, start_new_session=True
            )
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def state(self) -> ClusterState | None:
        return read_running(self.home, self.cluster)

    def box(self, name: str = "box0") -> BoxStatus | None:
        state = self.state()
        return next((box for box in state.boxes if box.name == name), None) if state else None

    def wait_box(self, check: Callable[[BoxStatus], Any], name: str = "box0", timeout_s: float = 30.0) -> BoxStatus:
        """The box's status, as soon as check is true of it."""

        def look() -> BoxStatus | None:
            box = self.box(name)
            return box if box and check(box) else None

        found = wait_until(look, timeout_s)
        assert isinstance(found, BoxStatus)
        return found

    def log(self, box: str = "box0") -> str:
        return self.home.log_file(box).read_text()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log(f"supervisor-{self.cluster}").splitlines()]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A prepared home; whatever runs in it at the end is ended."""
    home = Home(tmp_path / "home")
    prepare_home(home)
    yield home
    stop_clusters(home, CLUSTERS)


@pytest.fixture
def make_cluster(home: Home) -> Iterator[Callable[..., FakeCluster]]:
    """make_cluster(box, …, cluster="business"): each box a dict over {"behaviour", "needs", "stop_s", …}."""
    made: list[FakeCluster] = []

    def make(*boxes: dict[str, Any], cluster: str = "business") -> FakeCluster:
        made.append(FakeCluster(home, cluster).start(*boxes))
        return made[-1]

    yield make
    for one in made:
        assert one.process is not None
        one.process.kill()
        one.process.wait()
        end_leftovers(home, one.cluster)


@pytest.fixture
def make_cluster_at() -> Iterator[Callable[..., FakeCluster]]:
    """make_cluster_at(home, config, offset): not started yet."""
    made: list[FakeCluster] = []

    def make(home: Home, config: Path, offset: int) -> FakeCluster:
        cluster = FakeCluster(home, "business")
        cluster.config, cluster.offset = config, offset
        made.append(cluster)
        return cluster

    yield make
    for one in made:
        stop_clusters(one.home, [one.cluster])


@pytest.fixture
def run_cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """run_cli("status", …): the real command line in a process, in an empty folder."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("OPSCONDUCTOR", "PORT_"))
        }
        return subprocess.run(
            [sys.executable, "-P", "-m", "opsconductor.cli.main", *words],
            capture_output=True, text=True, timeout=100, cwd=tmp_path, env=inherited | environment, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def wait() -> Callable[..., Any]:
    """wait(check, timeout_s=30): the first true answer of check."""
    return wait_until


@pytest.fixture
def port() -> int:
    """A free port."""
    return pick_port()


@pytest.fixture
def wait_ready() -> Callable[[Probe], Awaitable[None]]:
    """await wait_ready(probe): until the probe has no complaint."""

    async def wait(probe: Probe) -> None:
        async with asyncio.timeout(60):
            while await probe():  # noqa: ASYNC110  (another process gets ready; it sets no event)
                await asyncio.sleep(0.05)

    return wait


@pytest.fixture
def offset() -> int:
    """A port offset with which all ports are free."""
    return pick_offset()

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from opsconductor.cli.home import Home
from opsconductor.cli.launch import stop_clusters
from opsconductor.cli.leftovers import mark_of
from opsconductor.cli.ports import Ports
from opsconductor.cli.process import find_marked
from opsconductor.cli.state import CLUSTERS, read_boxes, read_running

ROOT = Path(__file__).parents[3]
FAKE_UP = Path(__file__).with_name("fake_up.py")


class Stage:
    """A home with fake boxes on free ports, and the command line over it."""

    def __init__(self, folder: Path, offset: int) -> None:
        self.home = Home(folder / "a home")
        self.home.root.mkdir(mode=0o700)
        self.offset = offset
        self.config = folder / "config"
        (self.config / "nginx").mkdir(parents=True)
        (self.config / "promtail.yml").write_text("{}\n")
        self.set_boxes()

    def set_boxes(self, **behaviour: list[str]) -> None:
        ports = Ports(self.offset)
        clusters = {"auth": "business", "nginx": "business", "logs": "observability"}
        boxes = [
            {"name": name, "cluster": cluster, "port": ports.of(name), "behaviour": behaviour.get(name, [])}
            for name, cluster in clusters.items()
        ]
        boxes[1]["url"] = f"http://{ports.listen('nginx')}/"
        (self.home.root / "boxes.json").write_text(json.dumps(boxes))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, str(FAKE_UP), *words, "--home", str(self.home.root)]

    def up(self, *words: str) -> list[str]:
        return self.command("up", "--config", str(self.config), "--port-offset", str(self.offset), *words)

    def run(self, argv: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        ours = {name: value for name, value in os.environ.items() if name != "PORT_OFFSET"}
        return subprocess.run(
            argv, capture_output=True, text=True, timeout=60, env=ours | environment, check=False, cwd="/"
        )

    def is_empty(self) -> bool:
        boxes = [process for cluster in CLUSTERS for process in find_marked(mark_of(self.home, cluster))]
        return not boxes and not any(read_running(self.home, cluster) for cluster in CLUSTERS)


@pytest.fixture
def stage(tmp_path: Path, offset: int) -> Iterator[Stage]:
    stage = Stage(tmp_path, offset)
    yield stage
    stop_clusters(stage.home, CLUSTERS)


def test_up_status_and_down(stage: Stage) -> None:
    up = stage.run(stage.up("--detach", "--wait"))
    assert up.returncode == 0, up.stderr
    assert [line.split()[3] for line in up.stdout.splitlines()[1:4]] == ["healthy"] * 3
    assert f"http://127.0.0.1:{stage.offset + 8080}/" in up.stdout
    assert str(stage.home.secrets / "administrator-password") in up.stdout
    assert "auth       healthy" in up.stderr

    status = stage.run(stage.command("status", "--json"))
    assert status.returncode == 0
    clusters = json.loads(status.stdout)["clusters"]
    pids = {name: cluster["pid"] for name, cluster in clusters.items()}
    assert [box["state"] for cluster in clusters.values() for box in cluster["boxes"]] == ["healthy"] * 3

    again = stage.run(stage.up("--detach", "--wait"))
    assert again.returncode == 0
    assert again.stdout == up.stdout
    assert "The business cluster is running already." in again.stderr
    assert {cluster: read_running(stage.home, cluster).pid for cluster in CLUSTERS} == pids

    moved = stage.run([*stage.up("--detach"), "--port-offset", "7"])
    assert moved.returncode == 1
    assert f"cannot move the business cluster to port offset 7: it runs with {stage.offset}" in moved.stderr

    down = stage.run(stage.command("down"))
    assert (down.returncode, down.stdout) == (0, "business: stopped\nobservability: stopped\n")
    assert stage.is_empty()
    assert stage.run(stage.command("status")).returncode == 3
    assert stage.run(stage.command("down")).returncode == 0


def test_only_one_cluster(stage: Stage) -> None:
    assert stage.run(stage.up("--detach", "--wait", "--only", "observability")).returncode == 0
    assert read_running(stage.home, "business") is None
    assert stage.run(stage.up("--detach", "--wait", "--only", "business")).returncode == 0
    assert stage.run(stage.command("down", "--only", "observability")).returncode == 0
    assert read_running(stage.home, "business") is not None
    status = stage.run(stage.command("status"))
    assert status.returncode == 3
    assert "observability: not running" in status.stdout


def test_a_box_that_crashes_fails_the_wait_and_shows_what_it_said(stage: Stage) -> None:
    stage.set_boxes(auth=["crash"])
    up = stage.run(stage.up("--detach", "--wait"))
    assert up.returncode == 1
    assert "auth is not healthy (crash loop): ended with exit status 1" in up.stderr
    assert "    cannot read loki.yml: line 3 is wrong" in up.stderr
    assert "opsconductor down" in up.stderr
    assert stage.run(stage.command("status")).returncode == 1


def test_a_box_that_never_gets_ready_fails_the_wait_in_time(stage: Stage) -> None:
    stage.set_boxes(auth=["unready"])
    up = stage.run(stage.up("--detach", "--wait", "--timeout", "2"))
    assert up.returncode == 1
    assert "auth is not healthy (starting): GET /ready answers 503" in up.stderr
    assert "redis is missing" in up.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_foreground_ends_with_all_that_it_started(stage: Stage, number: int) -> None:
    with subprocess.Popen(stage.up(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr is not None
        assert any("Press Ctrl-C" in line for line in up.stderr)
        assert all(read_running(stage.home, cluster) for cluster in CLUSTERS)
        up.send_signal(number)
        assert "healthy" in up.communicate(timeout=60)[0]
        assert up.returncode == 0
    assert stage.is_empty()


def test_the_foreground_shows_what_happens_later(stage: Stage) -> None:
    with subprocess.Popen(stage.up(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr is not None
        assert any("Press Ctrl-C" in line for line in up.stderr)
        box = next(box for box in read_boxes(stage.home, CLUSTERS) if box.name == "auth")
        os.killpg(box.pid, signal.SIGKILL)
        assert any("auth       restarting  killed by SIGKILL" in line for line in up.stderr)
        assert any("auth       healthy" in line for line in up.stderr)
        up.terminate()
        up.communicate(timeout=60)


def test_a_killed_foreground_takes_its_supervisors_along(stage: Stage, wait: Callable[..., Any]) -> None:
    with subprocess.Popen(stage.up("--only", "business"), stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr is not None
        assert any("Press Ctrl-C" in line for line in up.stderr)
        assert read_running(stage.home, "observability") is None
        up.kill()
    wait(stage.is_empty)


def test_a_taken_port_starts_nothing_at_all(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", Ports(stage.offset).of("logs"))) as taken:
        up = stage.run(stage.up("--detach", "--wait"))
        assert up.returncode == 1
        assert f"cannot start logs: port {taken.getsockname()[1]} is used by pid {os.getpid()} (" in up.stderr
        assert "PORT_OFFSET=" in up.stderr
    assert stage.is_empty()


def test_up_after_a_killed_supervisor(stage: Stage) -> None:
    stage.set_boxes(auth=["daemon"])
    assert stage.run(stage.up("--detach", "--wait")).returncode == 0
    state = read_running(stage.home, "business")
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    assert stage.run(stage.up("--detach", "--wait")).returncode == 0
    assert len(list(find_marked(mark_of(stage.home, "business")))) == 3
    assert stage.run(stage.command("down")).returncode == 0
    assert stage.is_empty()


def test_the_offset_comes_from_the_environment_too(stage: Stage) -> None:
    words = stage.command("up", "--config", str(stage.config), "--detach")
    assert stage.run(words, PORT_OFFSET=str(stage.offset)).returncode == 0
    assert read_running(stage.home, "business").offset == stage.offset
    bad = stage.run(words, PORT_OFFSET="ten")
    assert bad.returncode == 1
    assert 'cannot use port offset "ten"' in bad.stderr


def test_a_missing_server_is_named_before_anything_starts(stage: Stage) -> None:
    up = stage.run(stage.up("--detach"), PATH="/nowhere", FAKE_NO_PACKAGES="1")
    assert up.returncode == 1
    assert "cannot start postgres: PATH has no postgres" in up.stderr
    assert "opsconductor[servers]" in up.stderr
    assert stage.is_empty()


def test_a_missing_configuration_folder_is_named(stage: Stage) -> None:
    up = stage.run([*stage.up("--detach"), "--config", "/nowhere"])
    assert up.returncode == 1
    assert "cannot use /nowhere as configuration folder" in up.stderr


def test_a_bad_configuration_file_is_shown_by_the_real_role(stage: Stage, run_cli: Callable[..., Any]) -> None:
    shutil.copytree(ROOT / "config", stage.config, dirs_exist_ok=True)
    (stage.config / "loki.yml").write_text("server: [\n")
    words = ["--home", str(stage.home.root), "--config", str(stage.config), "--port-offset", str(stage.offset)]
    up = run_cli("up", "--only", "observability", "--detach", "--wait", *words)
    assert up.returncode == 1
    assert "logs is not healthy (crash loop)" in up.stderr
    assert "loki.yml" in up.stderr
    assert "Traceback" not in up.stderr

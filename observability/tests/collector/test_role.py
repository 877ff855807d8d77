"""The collector as a process, against a store that hangs, fails, lies and comes back."""

import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.role_process import RoleProcess

CONFIG = """
server:
  log_level: debug
positions:
  filename: {root}/original/positions.yaml
target_config:
  sync_period: 200ms
clients:
  - url: {url}
    timeout: 1s
    backoff_config: {{min_period: 50ms, max_period: 200ms}}
scrape_configs:
  - job_name: app
    static_configs:
      - labels:
          __path__: {root}/log/*/*.log
          cluster: business
    pipeline_stages:
      - json:
          expressions: {{level: level, time: time}}
      - labels: {{level: }}
      - timestamp: {{source: time, format: RFC3339Nano}}
"""


class Scene:
    """A collector, its log files and its store."""

    def __init__(self, root: Path, server: Any) -> None:
        self.root, self.server = root, server
        self.log = root / "log" / "app" / "app.log"
        self.log.parent.mkdir(parents=True)
        config = root / "promtail.yml"
        config.write_text(CONFIG.format(root=root, url=server.url))
        self.process = RoleProcess("collector", config, root / "data")
        self.count = 0

    def write(self, lines: int, path: Path | None = None) -> list[str]:
        """Append lines; each is unique."""
        written = []
        with (path or self.log).open("a") as file:
            for _ in range(lines):
                self.count += 1
                written.append(f"line {self.count:06d}")
                file.write(written[-1] + "\n")
        return written

    def wait_for(self, expected: list[str], within_s: float = 20) -> None:
        """Until the store has them; fails when it never does, or has anything twice."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and len(self.server.store.entries) < len(expected):
            time.sleep(0.02)
        assert sorted(self.server.store.lines) == sorted(expected)

    def wait_for_attempts(self, count: int) -> None:
        before, deadline = len(self.server.received), time.monotonic() + 20
        while len(self.server.received) < before + count:
            assert time.monotonic() < deadline, "the collector does not push"
            time.sleep(0.02)


@pytest.fixture
def scene(tmp_path: Path, store_server: Any) -> Iterator[Scene]:
    made = Scene(tmp_path, store_server)
    yield made
    made.process.kill()


def test_stages_labels_and_status(scene: Scene) -> None:
    line = json.dumps({"level": "warn", "time": "2026-01-02T03:04:05.678901Z", "message": "é"}, ensure_ascii=False)
    scene.log.write_bytes(line.encode() + b"\n" + b"broken \xff\n")
    scene.process.start()
    scene.wait_for([line, "broken \ufffd"])
    (labels, time_ns, _), (plain_labels, fudged_ns, _) = scene.server.store.entries
    assert labels == f'{{cluster="business", filename="{scene.log}", level="warn"}}'
    assert time_ns == 1767323045_678901000
    assert plain_labels == f'{{cluster="business", filename="{scene.log}"}}'
    assert abs(fudged_ns - time.time_ns()) < 60e9
    metrics = httpx.get(f"{scene.process.url}/metrics").text
    assert f'promtail_read_lines_total{{path="{scene.log}"}} 2' in metrics
    assert f'promtail_file_bytes_total{{path="{scene.log}"}} {scene.log.stat().st_size}' in metrics
    (file,) = httpx.get(f"{scene.process.url}/targets").json()["clients"]["client-0"]
    assert (file["filename"], file["job"], file["read"]) == (str(scene.log), "app", scene.log.stat().st_size)


@pytest.mark.parametrize("mode", ["fail", "busy", "cut", "hang", "lose"])
def test_a_batch_is_sent_again_byte_for_byte_until_it_is_answered(scene: Scene, mode: str) -> None:
    scene.server.mode = mode
    written = scene.write(10)
    scene.process.start()
    scene.wait_for_attempts(1)
    scene.process.kill()
    written += scene.write(5)
    scene.process.start()
    scene.wait_for_attempts(2)
    assert len(set(scene.server.received)) == 1
    scene.server.mode = "up"
    scene.server.release.set()
    scene.wait_for(written)


def test_an_unfinished_line_waits_and_a_stopped_collector_ends_at_once(scene: Scene) -> None:
    written = scene.write(2)
    scene.process.start()
    scene.wait_for(written)
    with scene.log.open("a") as file:
        file.write("half a ")
        file.flush()
        scene.write(1, scene.log.with_name("other.log"))
        scene.wait_for([*written, "line 000003"])
        file.write("line\n")
    scene.wait_for([*written, "line 000003", "half a line"])
    scene.server.mode = "hang"
    scene.write(1)
    scene.wait_for_attempts(1)
    assert scene.process.stop(within_s=5) == 0


def test_rotations_while_it_is_down(scene: Scene) -> None:
    log, first, second, third = scene.log, *(scene.log.with_name(f"app.log.{number}") for number in (1, 2, 3))
    written = scene.write(3)
    scene.process.start()
    scene.wait_for(written)
    scene.process.kill()
    written += scene.write(3)
    log.rename(first)
    written += scene.write(3)  # a generation that the collector never sees under its own name
    first.rename(second)
    log.rename(first)
    written += scene.write(3)
    second.rename(third)
    first.rename(second)
    shutil.copyfile(log, first)  # copytruncate
    os.truncate(log, 0)
    written += scene.write(3)
    scene.process.start()
    scene.wait_for(written)


def test_rotations_while_it_runs_and_the_store_is_away(scene: Scene) -> None:
    log, first = scene.log, scene.log.with_name("app.log.1")
    written = scene.write(3)
    scene.process.start()
    scene.wait_for(written)
    scene.server.mode = "fail"
    written += scene.write(2000)
    scene.wait_for_attempts(1)
    log.rename(first)
    written += scene.write(3, first)  # its writer has not noticed yet
    written += scene.write(3)
    _wait_until(lambda: len(_files(scene)) == 2)
    first.unlink()  # deleted while the store is away: the open file is read to its end
    shutil.copyfile(log, first)
    os.truncate(log, 0)
    written += scene.write(3)
    time.sleep(0.5)
    scene.server.mode = "up"
    scene.wait_for(written)


def test_a_truncated_file_is_read_from_its_start(scene: Scene) -> None:
    written = scene.write(5)
    scene.process.start()
    scene.wait_for(written)
    os.truncate(scene.log, 0)
    written += scene.write(9)
    scene.wait_for(written)


def test_lost_positions_meet_the_offsets_of_the_store(scene: Scene) -> None:
    other = scene.log.with_name("other.log")
    written = scene.write(50) + scene.write(50, other)
    scene.process.start()
    scene.wait_for(written)
    scene.process.kill()
    shutil.rmtree(scene.root / "data")
    written += scene.write(50, other)
    scene.process.start()
    scene.wait_for(written)


def test_a_refused_entry_costs_only_itself(scene: Scene) -> None:
    scene.server.store.refuse = lambda line: line.endswith("3")
    scene.process.start()
    scene.write(5)
    good = ["line 000001", "line 000002", "line 000004", "line 000005"]
    scene.wait_for(good)
    scene.write(1)
    scene.wait_for([*good, "line 000006"])
    assert 'reason="ingester_error"} 5' in httpx.get(f"{scene.process.url}/metrics").text


def test_positions_of_the_original_are_taken_over_once(scene: Scene) -> None:
    old = scene.write(3)
    (scene.root / "original").mkdir()
    offsets = {"positions": {str(scene.log): str(scene.log.stat().st_size)}}
    (scene.root / "original" / "positions.yaml").write_text(json.dumps(offsets))
    new = scene.write(2)
    scene.process.start()
    scene.wait_for(new)
    assert not set(old) & set(scene.server.store.lines)


def test_a_second_collector_on_the_same_folder_is_refused(scene: Scene) -> None:
    scene.process.start()
    second = RoleProcess("collector", scene.process.config, scene.process.data)
    with pytest.raises(AssertionError, match="another collector runs with it"):
        second.start()


def test_a_wrong_configuration_names_file_line_and_fix(scene: Scene) -> None:
    config = scene.process.config
    config.write_text(config.read_text().replace("timeout: 1s", "timeout: soon"))
    with pytest.raises(AssertionError, match=rf'cannot read clients.timeout: .*"soon".*{config}:10'):
        scene.process.start()


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(900)])])
def test_kill_under_load_keeps_every_line_once(scene: Scene, kills: int) -> None:
    written: list[str] = []
    done = threading.Event()
    writer = threading.Thread(target=_write_and_rotate, args=(scene, written, done))
    scene.process.start()
    writer.start()
    try:
        for _ in range(kills):
            scene.server.mode = random.choice(["up", "up", "lose"])
            time.sleep(random.uniform(0.2, 0.6))
            scene.process.kill()
            scene.process.start()
    finally:
        done.set()
        writer.join()
    scene.server.mode = "up"
    scene.wait_for(written, within_s=30)


def _write_and_rotate(scene: Scene, written: list[str], done: threading.Event) -> None:
    """Three services, each rotated by rename now and then; five generations are kept."""
    rounds = 0
    while not done.is_set():
        rounds += 1
        for name in ("app", "web", "job"):
            path = scene.log.with_name(f"{name}.log")
            written.extend(scene.write(random.randint(1, 20), path))
            if random.random() < 0.02:
                for number in range(30, 0, -1):
                    former = path.with_name(f"{name}.log.{number}")
                    if former.exists():
                        former.rename(path.with_name(f"{name}.log.{number + 1}"))
                path.rename(path.with_name(f"{name}.log.1"))
        time.sleep(0.01)


def _files(scene: Scene) -> list[dict[str, Any]]:
    return list(httpx.get(f"{scene.process.url}/targets").json()["clients"]["client-0"])


def _wait_until(holds: Any) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sigterm_sends_what_was_read(scene: Scene) -> None:
    scene.process.start()
    written = scene.write(100)
    _wait_until(lambda: _files(scene) and _files(scene)[0]["read"] == scene.log.stat().st_size)
    assert scene.process.process is not None
    scene.process.process.send_signal(signal.SIGTERM)
    assert scene.process.stop(within_s=5) == 0
    scene.wait_for(written)

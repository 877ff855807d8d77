import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsconductor.cli.box import BoxStatus, State
from opsconductor.cli.home import Home
from opsconductor.cli.leftovers import mark_of
from opsconductor.cli.process import Identity, find_marked, is_alive
from opsconductor.cli.state import read_state
from opsconductor.cli.supervisor import ALREADY_RUNNING

Make = Callable[..., Any]


def is_healthy(box: BoxStatus) -> bool:
    return box.state == State.HEALTHY


def test_a_box_starts_after_what_it_needs_and_ends_before_it(make_cluster: Make, tmp_path: Path) -> None:
    note = tmp_path / "note"
    stops = f"stops={note}"
    cluster = make_cluster(
        {"behaviour": [stops], "needs": ["box1"]}, {"behaviour": [stops], "needs": ["box2"]}, {"behaviour": [stops]}
    )
    cluster.wait_box(is_healthy)
    ports = [str(cluster.box(name).port) for name in ("box0", "box1", "box2")]
    cluster.process.terminate()
    assert cluster.process.wait(20) == 0
    assert note.read_text().split() == ports
    started = [event["box"] for event in cluster.events() if event["message"] == "box started"]
    assert started == ["box2", "box1", "box0"]
    assert not cluster.home.state_file("business").exists()


def test_a_killed_box_comes_back_by_itself(make_cluster: Make) -> None:
    cluster = make_cluster({"behaviour": ["child"]})
    first = cluster.wait_box(is_healthy)
    os.killpg(first.pid, signal.SIGKILL)
    second = cluster.wait_box(lambda box: box.state == State.HEALTHY and box.pid not in {0, first.pid})
    assert second.restarts == 1
    assert "SIGKILL" in next(event for event in cluster.events() if event["message"] == "box restarts")["reason"]


def test_a_crash_loop_shows_its_last_line_and_stops_nobody_else(make_cluster: Make) -> None:
    cluster = make_cluster({"behaviour": ["crash"]}, {"needs": ["box0"]}, {})
    crashing = cluster.wait_box(lambda box: box.state == State.CRASHING)
    assert crashing.last_line == "cannot read loki.yml: line 3 is wrong"
    assert "exit status 1" in crashing.last_error
    cluster.wait_box(is_healthy, "box1")
    cluster.wait_box(is_healthy, "box2")
    cluster.wait_box(lambda box: box.restarts >= 3)


def test_a_box_that_answers_not_ready_is_left_alone(make_cluster: Make, wait: Make) -> None:
    cluster = make_cluster({"behaviour": ["unready"]})
    box = cluster.wait_box(lambda box: "redis is missing" in box.last_error)
    assert box.state == State.STARTING
    assert box.restarts == 0


def test_a_box_that_hangs_is_killed_and_comes_back(make_cluster: Make) -> None:
    cluster = make_cluster({"hang_s": 1.0, "probe_s": 0.2, "timeout_s": 0.5})
    first = cluster.wait_box(is_healthy)
    os.kill(first.pid, signal.SIGSTOP)
    cluster.wait_box(lambda box: box.state == State.HEALTHY and box.pid not in {0, first.pid}, timeout_s=60)
    reasons = [event["reason"] for event in cluster.events() if event["message"] == "box restarts"]
    assert "does not answer" in reasons[0]


def test_a_box_that_does_not_listen_to_sigterm_is_killed(make_cluster: Make) -> None:
    cluster = make_cluster({"behaviour": ["deaf", "child"], "stop_s": 0.5})
    box = cluster.wait_box(is_healthy)
    cluster.process.terminate()
    assert cluster.process.wait(20) == 0
    assert not list(find_marked(mark_of(cluster.home, "business")))
    assert not is_alive(Identity(box.pid, box.start))


def test_a_second_sigterm_does_not_wait_for_politeness(make_cluster: Make) -> None:
    cluster = make_cluster({"behaviour": ["deaf"], "stop_s": 3600.0})
    cluster.wait_box(is_healthy)
    cluster.process.terminate()
    cluster.wait_box(lambda box: box.state == State.STOPPING)
    cluster.process.terminate()
    assert cluster.process.wait(20) == 0


def test_the_boxes_die_with_their_supervisor(make_cluster: Make, wait: Make) -> None:
    cluster = make_cluster({"behaviour": ["deaf"]}, {"on_orphan": signal.SIGTERM}, {})
    for name in ("box0", "box1", "box2"):
        cluster.wait_box(is_healthy, name)
    assert len(list(find_marked(mark_of(cluster.home, "business")))) == 3
    cluster.process.kill()
    wait(lambda: not list(find_marked(mark_of(cluster.home, "business"))))


def test_the_next_supervisor_ends_what_a_killed_one_left(make_cluster: Make, home: Home, wait: Make) -> None:
    cluster = make_cluster({"behaviour": ["daemon", "child"]})
    first = cluster.wait_box(is_healthy)
    before = set(find_marked(mark_of(home, "business")))
    assert len(before) == 3
    cluster.process.kill()
    cluster.process.wait()
    wait(lambda: not is_alive(first.identity))
    assert any(is_alive(identity) for identity in before)
    cluster.start()
    second = cluster.wait_box(lambda box: box.state == State.HEALTHY and box.pid != first.pid)
    assert second.restarts == 0
    assert not any(is_alive(identity) for identity in before)


def test_killing_one_cluster_leaves_the_other_alone(make_cluster: Make, home: Home) -> None:
    boxes: list[dict[str, Any]] = [{}, {"cluster": "observability", "name": "other"}]
    business = make_cluster(*boxes)
    business.wait_box(is_healthy)
    observability = make_cluster(cluster="observability")
    box = observability.wait_box(is_healthy, "other")
    business.process.kill()
    business.process.wait()
    assert is_alive(box.identity)
    observability.process.terminate()
    assert observability.process.wait(20) == 0


def test_a_second_supervisor_of_a_cluster_gives_way(make_cluster: Make, home: Home) -> None:
    cluster = make_cluster({})
    box = cluster.wait_box(is_healthy)
    second = make_cluster()
    assert second.process.wait(20) == ALREADY_RUNNING
    assert "running already" in home.last_words("business").read_text()
    assert is_alive(box.identity)


def test_all_that_a_box_says_is_in_its_file(make_cluster: Make) -> None:
    cluster = make_cluster({"behaviour": ["flood"]})
    cluster.wait_box(is_healthy)
    cluster.process.terminate()
    cluster.process.wait(20)
    numbers = [line.split()[1] for line in cluster.log().splitlines() if line.startswith("line ")]
    assert numbers == [str(number) for number in range(20000)]


def test_a_refusing_disk_costs_lines_and_no_box(make_cluster: Make, home: Home) -> None:
    home.log_file("box0").parent.mkdir(parents=True)
    home.log_file("box0").symlink_to("/dev/full")
    cluster = make_cluster({"behaviour": ["flood"]})
    cluster.wait_box(is_healthy)
    box = cluster.wait_box(lambda box: box.dropped_log_lines >= 20000)
    assert box.state == State.HEALTHY
    dropped = [event for event in cluster.events() if event["message"] == "log lines dropped"]
    assert "No space left" in dropped[0]["error"]


def test_a_supervisor_is_light(make_cluster: Make) -> None:
    cluster = make_cluster({}, {})
    cluster.wait_box(is_healthy)
    status = Path(f"/proc/{cluster.pid}/status").read_text()
    assert int(status.partition("VmRSS:")[2].split()[0]) < 40 * 1024


def test_the_state_of_a_dead_supervisor_is_not_believed(make_cluster: Make, home: Home) -> None:
    cluster = make_cluster({})
    cluster.wait_box(is_healthy)
    cluster.process.kill()
    cluster.process.wait()
    state = read_state(home, "business")
    assert state is not None
    assert not state.is_running


def test_a_foreign_process_under_a_recorded_pid_is_never_touched(make_cluster: Make, home: Home) -> None:
    cluster = make_cluster({})
    cluster.wait_box(is_healthy)
    cluster.process.kill()
    cluster.process.wait()
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as foreign:
        path = home.state_file("business")
        state = read_state(home, "business")
        assert state is not None
        path.write_text(path.read_text().replace(f'"pid": {state.boxes[0].pid}', f'"pid": {foreign.pid}'))
        cluster.start()
        cluster.wait_box(lambda box: box.state == State.HEALTHY and box.pid != foreign.pid)
        assert foreign.poll() is None
        foreign.kill()

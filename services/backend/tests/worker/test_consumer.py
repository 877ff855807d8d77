"""The worker as a process: kill -9 in mid-run, redelivery, a flushed Redis, SIGTERM, bounds."""

from pathlib import Path

import pytest
from backend_world import Process, World
from support.platform import wait_until

from backend_service.queue import STREAM


def touch_and_wait(path: Path, seconds: float) -> dict[str, object]:
    """A command that notes its start, then its process group's id, and waits."""
    return {"kind": "command", "argv": ["sh", "-c", f"echo $$ >> '{path}'; sleep {seconds}"], "timeout_s": 60}


def echo(text: str = "done") -> dict[str, object]:
    return {"kind": "command", "argv": ["echo", text], "timeout_s": 10}


def read_pids(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return (
            "(sleep)" in Path(f"/proc/{pid}/stat").read_text()
            or Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
        )
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def shared_worker(shared_world: World) -> Process:
    return shared_world.start_worker()


def test_executes_a_run_and_empties_the_stream(shared_world: World, shared_worker: Process) -> None:
    world, worker = shared_world, shared_worker
    run_id = world.add_run(world.add_job(echo("one"), echo("two"), targets=3))
    run = world.wait_final(run_id)
    assert run.status == "succeeded"
    assert [(result.output, result.status) for result in world.read_results(run_id)] == [
        ("one\n", "succeeded"),
        ("two\n", "succeeded"),
    ] * 3
    wait_until(lambda: world.raw_redis.xlen(STREAM) == 0, 5, "an empty stream")
    worker.wait_line("run finished", run_id=run_id, status="succeeded")
    lines = [line for line in worker.lines() if line.get("run_id") == run_id]
    assert [line["message"] for line in lines] == ["run started", *["action finished"] * 6, "run finished"]
    assert {line["trace_id"] for line in lines} == {run.trace_id}


def test_a_failed_action_skips_the_rest_on_its_target_only(shared_world: World, shared_worker: Process) -> None:
    world = shared_world
    check = {"kind": "command", "argv": ["sh", "-c", 'test "$TARGET_ADDRESS" = host-1'], "timeout_s": 10}
    run_id = world.add_run(world.add_job(check, echo(), targets=2))
    assert world.wait_final(run_id).status == "failed"
    statuses = [result.status for result in world.read_results(run_id)]
    assert statuses == ["failed", "skipped", "succeeded", "succeeded"]


def test_a_foreign_entry_is_removed(shared_world: World, shared_worker: Process) -> None:
    world, worker = shared_world, shared_worker
    world.raw_redis.xadd(STREAM, {"something": "else"})
    world.raw_redis.xadd(STREAM, {"run_id": "987654321"})
    wait_until(lambda: world.raw_redis.xlen(STREAM) == 0, 10, "an empty stream")
    worker.wait_line("entry without a run removed")


def test_kill_in_mid_run_is_finished_by_another_worker(world: World, tmp_path: Path) -> None:
    notes = tmp_path / "pids"
    first = world.start_worker()
    run_id = world.add_run(world.add_job(echo(), touch_and_wait(notes, 3)))
    wait_until(lambda: read_pids(notes), 10, "the command")
    wait_until(lambda: len(world.read_results(run_id)) == 1, 5, "the first result")
    first.kill()
    wait_until(lambda: not is_alive(read_pids(notes)[0]), 5, "the end of the dead worker's command")
    second = world.start_worker()
    assert world.wait_final(run_id).status == "succeeded"
    assert [result.action_index for result in world.read_results(run_id)] == [0, 1]
    assert len(read_pids(notes)) == 2, "the interrupted action is repeated"
    second.wait_line("run finished", run_id=run_id)
    assert [line["attempt"] for line in second.lines("run started")] == [2]
    finished = [line["action_index"] for line in second.lines("action finished")]
    assert finished == [1], "the recorded action is not repeated"
    wait_until(lambda: world.raw_redis.xlen(STREAM) == 0, 5, "an empty stream")


def test_a_run_whose_workers_keep_dying_is_given_up(world: World, tmp_path: Path) -> None:
    notes = tmp_path / "pids"
    run_id = world.add_run(world.add_job(touch_and_wait(notes, 30), echo()))
    for attempt in (1, 2):
        worker = world.start_worker(RUN_MAX_ATTEMPTS="2")
        wait_until(lambda attempt=attempt: len(read_pids(notes)) == attempt, 10, "the command")
        worker.kill()
    world.start_worker(RUN_MAX_ATTEMPTS="2")
    assert world.wait_final(run_id).status == "failed"
    results = world.read_results(run_id)
    assert [result.status for result in results] == ["skipped", "skipped"]
    assert "RUN_MAX_ATTEMPTS" in results[0].detail


def test_entries_delivered_twice_run_once(world: World, tmp_path: Path) -> None:
    """Two workers, four entries, and a run that outlasts its lease."""
    notes = tmp_path / "pids"
    run_id = world.add_run(world.add_job(touch_and_wait(notes, 2.5)))
    for _ in range(3):
        world.resources.queue.enqueue(run_id, {})
    world.start("backend_service.worker")
    world.start("backend_service.worker")
    run = world.wait_final(run_id)
    assert (run.status, run.attempts) == ("succeeded", 1)
    wait_until(lambda: world.raw_redis.xlen(STREAM) == 0, 10, "an empty stream")
    world.resources.queue.enqueue(run_id, {})
    wait_until(lambda: world.raw_redis.xlen(STREAM) == 0, 10, "the entry of a finished run removed")
    assert len(read_pids(notes)) == 1
    assert len(world.read_results(run_id)) == 1


def test_a_flushed_redis_loses_no_run(world: World, tmp_path: Path) -> None:
    notes = tmp_path / "pids"
    world.start_worker(WORKER_RUNS="1")
    running = world.add_run(world.add_job(touch_and_wait(notes, 1.5)))
    wait_until(lambda: read_pids(notes), 10, "the command")
    waiting = world.add_run(world.add_job(echo()))
    world.raw_redis.flushdb()
    later = world.add_run(world.add_job(echo()))
    scheduler = world.start("backend_service.scheduler")
    for run_id in (running, waiting, later):
        assert world.wait_final(run_id).status == "succeeded"
    assert len(read_pids(notes)) == 1
    scheduler.wait_line("run put into the stream again", run_id=waiting)
    again = [line["run_id"] for line in scheduler.lines("run put into the stream again")]
    assert len(again) == len(set(again)), "each is put there once"


def test_the_stop_kills_commands_and_gives_the_run_back(world: World, tmp_path: Path) -> None:
    notes = tmp_path / "pids"
    worker = world.start_worker(RUN_LEASE_S="600")
    run_id = world.add_run(world.add_job(echo(), touch_and_wait(notes, 4)))
    wait_until(lambda: read_pids(notes), 10, "the command")
    assert worker.stop() == 0
    assert not is_alive(read_pids(notes)[0])
    run = world.read_run(run_id)
    assert (run.status, run.attempts) == ("queued", 0)
    world.start_worker(RUN_LEASE_S="600")
    assert world.wait_final(run_id).status == "succeeded", "without waiting for the lease's end"
    assert [result.action_index for result in world.read_results(run_id)] == [0, 1]


def test_the_stop_lets_a_short_run_finish(world: World, tmp_path: Path) -> None:
    notes = tmp_path / "pids"
    worker = world.start_worker()
    run_id = world.add_run(world.add_job(touch_and_wait(notes, 0.7)))
    wait_until(lambda: read_pids(notes), 10, "the command")
    assert worker.stop() == 0
    assert world.read_run(run_id).status == "succeeded"


@pytest.mark.parametrize(("setting", "most"), [({"WORKER_RUNS": "2"}, 2), ({"WORKER_ACTIONS": "1"}, 1)])
def test_concurrency_is_bounded(world: World, tmp_path: Path, setting: dict[str, str], most: int) -> None:
    notes = tmp_path / "notes"
    script = f"echo + >> '{notes}'; sleep 0.3; echo - >> '{notes}'"
    job = world.add_job({"kind": "command", "argv": ["sh", "-c", script], "timeout_s": 10})
    runs = [world.add_run(job) for _ in range(5)]
    world.start_worker(**setting)
    for run_id in runs:
        assert world.wait_final(run_id).status == "succeeded"
    running = highest = 0
    for word in notes.read_text().split():
        running += 1 if word == "+" else -1
        highest = max(highest, running)
    assert highest == most


def test_a_worker_waits_for_its_servers(world: World) -> None:
    worker = world.start("backend_service.worker", REDIS_URL="redis://127.0.0.1:1/0")
    worker.wait_line("waiting for a dependency", dependency="redis")
    assert worker.stop() == 0

"""What the processes count and look up."""

from datetime import UTC, datetime, timedelta

import httpx
from backend_world import Api, World
from support.platform import wait_until

from backend_service.metrics import TargetStates, count_queued, measure_lag
from backend_service.models import Schedule, Target


def read(url: str) -> dict[str, float]:
    pairs = (line.rsplit(" ", 1) for line in httpx.get(f"{url}/metrics").text.splitlines() if line[0] != "#")
    return {name: float(value) for name, value in pairs}


def test_a_worker_counts_runs_and_shows_its_targets(shared_world: World) -> None:
    world = shared_world
    worker = world.start_worker()
    check = {"kind": "command", "argv": ["sh", "-c", 'test "$TARGET_ADDRESS" = host-0'], "timeout_s": 10}
    good, bad = world.add_run(world.add_job(check)), world.add_run(world.add_job(check, targets=2))
    for run_id in (good, bad):
        world.wait_final(run_id)
        worker.wait_line("run finished", run_id=run_id)
    metrics = read(worker.url)
    for status in ("succeeded", "failed"):
        assert metrics[f'job_runs_total{{status="{status}"}}'] == 1
        assert metrics[f'job_run_duration_seconds_count{{status="{status}"}}'] == 1
    assert metrics['job_runs_total{status="cancelled"}'] == 0
    up, down = ([result.target_name for result in world.read_results(bad)][index] for index in (0, 1))
    assert (metrics[f'target_up{{target="{up}"}}'], metrics[f'target_up{{target="{down}"}}']) == (1, 0)
    assert worker.stop() == 0


def test_a_target_that_was_deleted_is_forgotten(world: World) -> None:
    states = TargetStates()
    with world.resources.sessions.begin() as session:
        targets = [Target(name=name, address="a", kind="host") for name in ("one", "two")]
        session.add_all(targets)
    for target in targets:
        states.note(target.id, up=target.name == "one")
    assert states.look_up(world.resources) == {("one",): 1, ("two",): 0}
    with world.resources.sessions.begin() as session:
        session.delete(session.get_one(Target, targets[1].id))
        session.get_one(Target, targets[0].id).name = "renamed"
    assert states.look_up(world.resources) == {("renamed",): 1}


def test_the_queue_and_the_lag_are_looked_up(world: World) -> None:
    assert (count_queued(world.resources), measure_lag(world.resources)) == ({(): 0}, {(): 0})
    job_id = world.add_job({"kind": "command", "argv": ["true"]})
    for _ in range(2):
        world.add_run(job_id)
    with world.resources.sessions.begin() as session:
        for due_s, enabled in ((-100, True), (-1000, False), (100, True)):
            due = datetime.now(UTC) + timedelta(seconds=due_s)
            session.add(Schedule(job_id=job_id, interval_s=60, enabled=enabled, next_run_at=due))
    assert count_queued(world.resources) == {(): 2}
    assert 100 <= measure_lag(world.resources)[()] < 200


def test_the_api_shows_its_queue_and_counts_cancelled_runs(api: Api) -> None:
    before = read(api.process.url)
    job_id = api.add_job()
    for _ in range(2):
        api.operator.post(f"/api/jobs/{job_id}/runs")
    assert read(api.process.url)["job_queue_depth"] == before["job_queue_depth"] + 2
    assert api.operator.delete(f"/api/jobs/{job_id}").status_code == 204
    after = read(api.process.url)
    assert after["job_queue_depth"] == before["job_queue_depth"]
    assert after['job_runs_total{status="cancelled"}'] == before['job_runs_total{status="cancelled"}'] + 2
    name = 'http_client_request_duration_seconds_count{http_request_method="GET",server_address="127.0.0.1",'
    assert any(series.startswith(name) for series in after)  # the session check


def test_the_scheduler_shows_its_lag(world: World) -> None:
    scheduler = world.start("backend_service.scheduler").wait_ready()
    wait_until(lambda: read(scheduler.url).get("schedule_lag_seconds") == 0, 15, "the lag")
    assert scheduler.stop() == 0

"""Schedules become runs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from backend_world import World
from sqlalchemy import update
from support.platform import wait_until

from backend_service.models import Run, Schedule
from backend_service.scheduler.firing import fire_due

ECHO = {"kind": "command", "argv": ["echo"], "timeout_s": 10}


def add_schedule(world: World, job_id: int, due_s: float, **values: object) -> int:
    """A schedule due in `due_s` seconds (negative: since)."""
    values = {"interval_s": 60, "cron": None, "enabled": True, **values}
    with world.resources.sessions.begin() as session:
        schedule = Schedule(job_id=job_id, next_run_at=datetime.now(UTC) + timedelta(seconds=due_s), **values)
        session.add(schedule)
        session.flush()
        return schedule.id


def read_schedule(world: World, schedule_id: int) -> Schedule:
    with world.resources.sessions() as session:
        return session.get_one(Schedule, schedule_id)


def test_what_is_due_fires_and_moves_on(world: World) -> None:
    job_id = world.add_job(ECHO)
    schedule_id = add_schedule(world, job_id, -1)
    fire_due(world.resources)
    fire_due(world.resources)
    (run,) = world.read_runs()
    assert (run.job_id, run.trigger, run.status) == (job_id, "schedule", "queued")
    assert len(run.trace_id) == 32
    assert run.entry_id is not None
    schedule = read_schedule(world, schedule_id)
    assert schedule.last_run_at is not None
    assert timedelta(seconds=50) < schedule.next_run_at - datetime.now(UTC) < timedelta(seconds=60)


def test_what_is_not_due_or_disabled_stays(world: World) -> None:
    job_id = world.add_job(ECHO)
    add_schedule(world, job_id, 30)
    add_schedule(world, job_id, -30, enabled=False)
    fire_due(world.resources)
    assert world.read_runs() == []


def test_missed_times_fire_once(world: World) -> None:
    every_minute = add_schedule(world, world.add_job(ECHO), -86_400, interval_s=60)
    cron = add_schedule(world, world.add_job(ECHO), -86_400, interval_s=None, cron="* * * * *")
    fire_due(world.resources)
    assert len(world.read_runs()) == 2
    for schedule_id in (every_minute, cron):
        assert read_schedule(world, schedule_id).next_run_at > datetime.now(UTC)


def test_schedulers_side_by_side_fire_once_each(world: World) -> None:
    jobs = [world.add_job(ECHO) for _ in range(10)]
    for job_id in jobs:
        add_schedule(world, job_id, -5)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(fire_due, [world.resources] * 4))
    fire_due(world.resources)
    assert sorted(run.job_id for run in world.read_runs()) == jobs
    assert len({run.trace_id for run in world.read_runs()}) == 10, "each firing is a trace of its own"


def test_without_workers_runs_do_not_pile_up(world: World) -> None:
    job_id = world.add_job(ECHO)
    schedule_id = add_schedule(world, job_id, -1)
    fire_due(world.resources)
    make_due = update(Schedule).where(Schedule.id == schedule_id).values(next_run_at=datetime(2026, 1, 1, tzinfo=UTC))
    with world.resources.sessions.begin() as session:
        session.execute(make_due)
    fire_due(world.resources)
    assert len(world.read_runs()) == 1
    with world.resources.sessions.begin() as session:
        session.execute(update(Run).values(status="succeeded"))
        session.execute(make_due)
    fire_due(world.resources)
    assert len(world.read_runs()) == 2


def test_a_job_without_targets_is_passed_over(world: World) -> None:
    schedule_id = add_schedule(world, world.add_job(ECHO, targets=0), -1)
    fire_due(world.resources)
    assert world.read_runs() == []
    assert read_schedule(world, schedule_id).next_run_at > datetime.now(UTC)


def test_two_schedulers_as_processes_fire_until_sigterm(world: World) -> None:
    add_schedule(world, world.add_job(ECHO), 0)
    schedulers = [world.start("backend_service.scheduler") for _ in range(2)]
    wait_until(world.read_runs, 20, "the run")
    for scheduler in schedulers:
        assert scheduler.wait_ready().stop() == 0
    (run,) = world.read_runs()
    lines = [line for scheduler in schedulers for line in scheduler.lines("schedule fired")]
    assert [(line["run_id"], line["trace_id"]) for line in lines] == [(run.id, run.trace_id)]

"""From a job to a queued run."""

import pytest
from backend_world import World

from backend_service.dispatch import create_run, enqueue_run
from backend_service.errors import ConflictError, OverloadedError
from backend_service.models import Job, Trigger
from backend_service.queue import STREAM, RunQueue
from opsconductor_telemetry import extract

ECHO = {"kind": "command", "argv": ["echo"], "timeout_s": 10}


def test_runs_are_numbered_within_their_job_and_carry_their_trace(world: World) -> None:
    first, second = world.add_job(ECHO), world.add_job(ECHO)
    runs = [world.read_run(world.add_run(job)) for job in (first, first, second)]
    assert [run.number for run in runs] == [1, 2, 1]
    entries = world.raw_redis.xrange(STREAM)
    assert [entry_id for entry_id, _ in entries] == [run.entry_id for run in runs]
    assert [fields["run_id"] for _, fields in entries] == [str(run.id) for run in runs]
    sent = [fields["traceparent"].split("-") for _, fields in entries]
    assert [parts[1] for parts in sent] == [run.trace_id for run in runs]
    assert {parts[2] for parts in sent}.isdisjoint(
        run.traceparent.split("-")[2] for run in runs
    )  # the producer's span
    assert all(run.trace_id in run.traceparent for run in runs)
    assert len({run.trace_id for run in runs}) == 3


def test_a_plan_is_the_job_as_it_was(world: World) -> None:
    job_id = world.add_job(ECHO, targets=2)
    run_id = world.add_run(job_id)
    with world.resources.sessions.begin() as session:
        job = session.get_one(Job, job_id)
        job.members[0].target.address = "moved"
        job.actions = []
    plan = world.read_run(run_id).plan
    assert [target["address"] for target in plan["targets"]] == ["host-0", "host-1"]
    assert plan["actions"] == [ECHO]


def test_without_targets_there_is_no_run(world: World) -> None:
    job_id = world.add_job(ECHO, targets=0)
    with world.resources.sessions.begin() as session, pytest.raises(ConflictError, match="has no targets"):
        create_run(session, session.get_one(Job, job_id), Trigger.MANUAL, 10)


def test_the_queue_is_bounded(world: World) -> None:
    job_id = world.add_job(ECHO)
    world.add_run(job_id)
    with world.resources.sessions.begin() as session, pytest.raises(OverloadedError, match="QUEUE_MAX_RUNS"):
        create_run(session, session.get_one(Job, job_id), Trigger.MANUAL, 1)


def test_a_run_survives_an_unreachable_redis(world: World) -> None:
    job_id = world.add_job(ECHO)
    with world.resources.sessions.begin() as session, extract({}):
        run = create_run(session, session.get_one(Job, job_id), Trigger.MANUAL, 10)
    enqueue_run(world.resources.sessions, RunQueue(world.settings(REDIS_URL="redis://127.0.0.1:1/0")), run)
    stored = world.read_run(run.id)
    assert (stored.status, stored.entry_id) == ("queued", None)

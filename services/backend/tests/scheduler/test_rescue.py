"""Runs that the stream has lost."""

from concurrent.futures import ThreadPoolExecutor

from backend_world import World
from sqlalchemy import text

from backend_service.queue import STREAM
from backend_service.scheduler.rescue import rescue_lost

ECHO = {"kind": "command", "argv": ["echo"], "timeout_s": 10}


def age(world: World) -> None:
    with world.resources.engine.begin() as connection:
        connection.execute(text("UPDATE runs SET created_at = created_at - interval '1 minute'"))


def read_stream(world: World) -> list[int]:
    return [int(fields["run_id"]) for _, fields in world.raw_redis.xrange(STREAM)]


def test_only_old_runs_that_the_stream_lacks_return(world: World) -> None:
    job_id = world.add_job(ECHO)
    held, lost = world.add_run(job_id), world.add_run(job_id, enqueue=False)
    age(world)
    fresh = world.add_run(job_id, enqueue=False)
    rescue_lost(world.resources)
    rescue_lost(world.resources)
    assert read_stream(world) == [held, lost]
    assert fresh not in read_stream(world)
    fields = world.raw_redis.xrange(STREAM)[1][1]
    assert fields["traceparent"] == world.read_run(lost).traceparent, "under the trace that it was queued with"


def test_after_a_flush_everything_that_waits_returns_once(world: World) -> None:
    job_id = world.add_job(ECHO)
    runs = [world.add_run(job_id) for _ in range(5)]
    age(world)
    world.raw_redis.flushdb()
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(rescue_lost, [world.resources] * 3))
    assert sorted(read_stream(world)) == runs


def test_a_running_run_returns_only_after_its_lease(world: World) -> None:
    job_id = world.add_job(ECHO)
    dead, alive, finished = (world.add_run(job_id, enqueue=False) for _ in range(3))
    with world.resources.engine.begin() as connection:
        connection.execute(text("UPDATE runs SET status = 'running', lease_until = now() - interval '1 minute'"))
        connection.execute(
            text("UPDATE runs SET lease_until = now() + interval '1 hour' WHERE id = :id"), {"id": alive}
        )
        connection.execute(text("UPDATE runs SET status = 'failed' WHERE id = :id"), {"id": finished})
    rescue_lost(world.resources)
    assert read_stream(world) == [dead]

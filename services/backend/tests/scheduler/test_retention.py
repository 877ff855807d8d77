"""Old runs go."""

from backend_world import World
from sqlalchemy import text

from backend_service.scheduler.retention import drop_old

ECHO = {"kind": "command", "argv": ["echo"], "timeout_s": 10}


def test_only_runs_that_finished_long_ago_go(world: World) -> None:
    job_id = world.add_job(ECHO)
    old, recent, queued = (world.add_run(job_id) for _ in range(3))
    finish = text("UPDATE runs SET status = 'failed', finished_at = now() - :age * interval '1 day' WHERE id = :id")
    with world.resources.engine.begin() as connection:
        connection.execute(finish, {"id": old, "age": 31})
        connection.execute(finish, {"id": recent, "age": 29})
        connection.execute(text("UPDATE runs SET created_at = now() - interval '90 days'"))
        connection.execute(
            text(
                "INSERT INTO results (run_id, target_id, target_name, action_index, action_kind, status, detail, "
                "output, duration_ms) VALUES (:run, 1, 'x', 0, 'tcp', 'succeeded', '', '', 1)"
            ),
            {"run": old},
        )
    drop_old(world.resources)
    assert [run.id for run in world.read_runs()] == [recent, queued]
    assert world.read_results(old) == []

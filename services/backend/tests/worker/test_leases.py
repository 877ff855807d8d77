"""Guarded changes of a run's row."""

import pytest
from backend_world import World
from sqlalchemy import text

from backend_service.worker.leases import Claim, LeaseLostError, Leases, Refusal, make_skipped

ECHO = {"kind": "command", "argv": ["echo"], "timeout_s": 10}


def make_leases(world: World, lease_s: float = 60, max_attempts: int = 5) -> Leases:
    return Leases(world.resources.sessions, lease_s, max_attempts)


def claim(leases: Leases, run_id: int) -> Claim:
    claimed = leases.claim(run_id)
    assert isinstance(claimed, Claim)
    return claimed


def end_lease(world: World, run_id: int) -> None:
    with world.resources.engine.begin() as connection:
        connection.execute(
            text("UPDATE runs SET lease_until = now() - interval '1 second' WHERE id = :id"), {"id": run_id}
        )


def test_one_of_two_gets_the_run(world: World) -> None:
    run_id = world.add_run(world.add_job(ECHO))
    leases = make_leases(world)
    claim(leases, run_id)
    assert leases.claim(run_id) is Refusal.BUSY
    assert world.read_run(run_id).status == "running"


def test_a_lease_that_has_ended_passes_on_and_shuts_the_former_out(world: World) -> None:
    run_id = world.add_run(world.add_job(ECHO, targets=2))
    leases = make_leases(world)
    former = claim(leases, run_id)
    first, second = (target.id for target in former.targets)
    leases.record(former, make_skipped(first, "x", 0, "command"))
    end_lease(world, run_id)
    latter = claim(leases, run_id)
    assert latter.done == {(first, 0): "skipped"}
    assert latter.attempt == 2
    for change in (
        lambda: leases.renew(former),
        lambda: leases.record(former, make_skipped(second, "x", 0, "command")),
        lambda: leases.finish(former),
        lambda: leases.release(former),
    ):
        with pytest.raises(LeaseLostError):
            change()
    assert len(world.read_results(run_id)) == 1
    leases.renew(latter)


def test_a_renewed_lease_lasts(world: World) -> None:
    run_id = world.add_run(world.add_job(ECHO))
    leases = make_leases(world)
    held = claim(leases, run_id)
    end_lease(world, run_id)
    leases.renew(held)
    assert leases.claim(run_id) is Refusal.BUSY


def test_a_result_is_recorded_once(world: World) -> None:
    run_id = world.add_run(world.add_job(ECHO))
    leases = make_leases(world)
    held = claim(leases, run_id)
    target = held.targets[0]
    done = {**make_skipped(target.id, target.name, 0, "command"), "status": "succeeded", "detail": "first"}
    leases.record(held, done)
    leases.record(held, {**done, "status": "failed", "detail": "second"})
    assert [result.detail for result in world.read_results(run_id)] == ["first"]
    assert leases.finish(held) == "succeeded"
    assert leases.claim(run_id) is Refusal.FINISHED
    run = world.read_run(run_id)
    assert run.created_at <= run.started_at <= run.finished_at


def test_a_released_run_is_queued_and_its_attempt_does_not_count(world: World) -> None:
    run_id = world.add_run(world.add_job(ECHO))
    leases = make_leases(world, max_attempts=1)
    leases.release(claim(leases, run_id))
    assert world.read_run(run_id).status == "queued"
    assert claim(leases, run_id).attempt == 1


def test_attempts_are_bounded(world: World) -> None:
    run_id = world.add_run(world.add_job(ECHO))
    leases = make_leases(world, max_attempts=1)
    claim(leases, run_id)
    end_lease(world, run_id)
    assert leases.claim(run_id) is Refusal.GIVEN_UP
    run = world.read_run(run_id)
    assert run.status == "failed"
    assert run.finished_at is not None
    assert leases.claim(run_id) is Refusal.FINISHED


def test_a_plan_that_cannot_be_read_is_given_up(world: World) -> None:
    """As an upgrade that refuses what an older version has stored."""
    run_id = world.add_run(world.add_job({"kind": "telepathy"}))
    leases = make_leases(world)
    assert leases.claim(run_id) is Refusal.GIVEN_UP
    (result,) = world.read_results(run_id)
    assert (result.action_kind, result.status) == ("telepathy", "skipped")
    assert result.detail.startswith("skipped: this version cannot read the action: ")


def test_what_does_not_exist_has_finished(world: World) -> None:
    assert make_leases(world).claim(12345) is Refusal.FINISHED

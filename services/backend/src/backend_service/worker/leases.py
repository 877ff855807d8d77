"""The rows of runs as a worker changes them: claim, renew, record, finish, release. Each is one transaction."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any

from pydantic import ValidationError
from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend_service.actions import CommandAction, Endpoint, HttpAction, TcpAction, load_actions
from backend_service.database import Sessions
from backend_service.models import Result, Run, RunStatus


class LeaseLostError(Exception):
    """The run belongs to another worker now, or has finished."""


class Refusal(Enum):
    """Why a run is not to be executed now."""

    FINISHED = auto()
    BUSY = auto()
    GIVEN_UP = auto()


@dataclass(frozen=True)
class Claim:
    """A run to execute under a lease; `done` holds the status of results that an earlier attempt has recorded."""

    run_id: int
    job: str
    token: str
    attempt: int
    targets: tuple[Endpoint, ...]
    actions: Sequence[HttpAction | TcpAction | CommandAction]
    done: dict[tuple[int, int], str]


class Leases:
    """Transactions over the runs. Every method raises SQLAlchemyError when PostgreSQL cannot be reached."""

    def __init__(self, sessions: Sessions, lease_s: float, max_attempts: int) -> None:
        self._sessions = sessions
        self._lease = timedelta(seconds=lease_s)
        self._max_attempts = max_attempts

    def claim(self, run_id: int) -> Claim | Refusal:
        """Take the run if it is queued, or running under a lease that has ended."""
        with self._sessions.begin() as session:
            run = session.get(Run, run_id, with_for_update=True)
            if run is None or run.status not in {RunStatus.QUEUED, RunStatus.RUNNING}:
                return Refusal.FINISHED
            now = session.scalars(select(func.clock_timestamp())).one()
            if run.status == RunStatus.RUNNING and run.lease_until is not None and run.lease_until > now:
                return Refusal.BUSY
            done = {(result.target_id, result.action_index): result.status for result in run.results}
            if run.attempts >= self._max_attempts:
                reason = f"the run was interrupted {run.attempts} times (RUN_MAX_ATTEMPTS)"
                give_up(session, run, set(done), reason)
                return Refusal.GIVEN_UP
            try:
                actions = load_actions(run.plan["actions"])
            except ValidationError as error:
                give_up(session, run, set(done), f"this version cannot read the action: {error}")
                return Refusal.GIVEN_UP
            run.status = RunStatus.RUNNING
            run.attempts += 1
            run.lease_token = secrets.token_hex(8)
            run.lease_until = now + self._lease
            run.started_at = run.started_at or now
            return Claim(
                run_id=run.id,
                job=run.job_name,
                token=run.lease_token,
                attempt=run.attempts,
                targets=tuple(Endpoint(**target) for target in run.plan["targets"]),
                actions=actions,
                done=done,
            )

    def renew(self, claim: Claim) -> None:
        """Move the lease's end. Raises LeaseLostError."""
        with self._sessions.begin() as session:
            self._change(session, claim, lease_until=func.clock_timestamp() + self._lease)

    def record(self, claim: Claim, result: dict[str, Any]) -> None:
        """Store a result, unless its (target, action) has one. Raises LeaseLostError."""
        with self._sessions.begin() as session:
            held = select(Run.id).where(*self._guard(claim)).with_for_update(read=True)
            if session.scalar(held) is None:
                raise LeaseLostError
            session.execute(insert(Result).values(run_id=claim.run_id, **result).on_conflict_do_nothing())

    def finish(self, claim: Claim) -> RunStatus:
        """End the run: succeeded when every result is. Raises LeaseLostError."""
        with self._sessions.begin() as session:
            bad = session.scalar(select(exists().where(Result.run_id == claim.run_id, Result.status != "succeeded")))
            status = RunStatus.FAILED if bad else RunStatus.SUCCEEDED
            self._change(session, claim, status=status, finished_at=func.clock_timestamp(), lease_until=None)
            return status

    def release(self, claim: Claim) -> None:
        """Give the run back to the queue; the attempt does not count. Raises LeaseLostError."""
        with self._sessions.begin() as session:
            self._change(
                session,
                claim,
                status=RunStatus.QUEUED,
                attempts=Run.attempts - 1,
                lease_token=None,
                lease_until=None,
            )

    def _change(self, session: Session, claim: Claim, **values: Any) -> None:
        changed = session.scalar(update(Run).where(*self._guard(claim)).values(**values).returning(Run.id))
        if changed is None:
            raise LeaseLostError

    def _guard(self, claim: Claim) -> tuple[Any, ...]:
        return Run.id == claim.run_id, Run.lease_token == claim.token, Run.status == RunStatus.RUNNING


def give_up(session: Session, run: Run, done: set[tuple[int, int]], reason: str) -> None:
    """Fail a run that cannot be executed; what was not done is recorded as skipped."""
    for target in run.plan["targets"]:
        for index, action in enumerate(run.plan["actions"]):
            if (target["id"], index) not in done:
                result = make_skipped(target["id"], target["name"], index, action["kind"])
                result["detail"] = f"skipped: {reason}"
                session.execute(insert(Result).values(run_id=run.id, **result).on_conflict_do_nothing())
    run.status = RunStatus.FAILED
    run.finished_at = session.scalars(select(func.clock_timestamp())).one()


def make_skipped(target_id: int, target_name: str, index: int, kind: str) -> dict[str, Any]:
    """The result of an action that was not tried because an earlier one failed on the target."""
    return {
        "target_id": target_id,
        "target_name": target_name,
        "action_index": index,
        "action_kind": kind,
        "status": "skipped",
        "detail": "skipped: an earlier action failed on this target",
        "output": "",
        "duration_ms": 0,
    }

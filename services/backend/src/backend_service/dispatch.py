"""From a job to a queued run: the row first, then the stream.

A row that was committed while Redis was away is put into the stream later by the scheduler (scheduler.rescue).
"""

import redis
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from backend_service.database import Sessions
from backend_service.errors import ConflictError, OverloadedError
from backend_service.models import Job, Run, RunStatus, Trigger
from backend_service.queue import STREAM, RunQueue, describe_message
from opsconductor_telemetry import current_trace_id, get_logger, inject, start_span

log = get_logger(__name__)


def create_run(session: Session, job: Job, trigger: Trigger, queue_max_runs: int) -> Run:
    """A queued run of the job under the current trace, with the job's next number; the caller commits.

    Raises ConflictError for a job without targets, OverloadedError when QUEUE_MAX_RUNS runs are queued.
    """
    if not job.members:
        raise ConflictError(f"cannot run job {job.name}: it has no targets; add some first")
    queued = session.scalar(select(func.count()).select_from(Run).where(Run.status == RunStatus.QUEUED)) or 0
    if queued >= queue_max_runs:
        raise OverloadedError(
            f"cannot run job {job.name}: {queued} runs are queued (QUEUE_MAX_RUNS); try again when some have finished"
        )
    number = session.scalar(
        update(Job)
        .where(Job.id == job.id)
        .values(last_run_number=Job.last_run_number + 1)
        .returning(Job.last_run_number)
        .execution_options(synchronize_session=False)
    )
    if number is None:
        raise ConflictError(f"cannot run job {job.name}: it is being deleted")
    carrier: dict[str, str] = {}
    inject(carrier)
    targets = [member.target for member in job.members]
    run = Run(
        job_id=job.id,
        job_name=job.name,
        number=number,
        trigger=trigger,
        plan={
            "targets": [{"id": t.id, "name": t.name, "kind": t.kind, "address": t.address} for t in targets],
            "actions": job.actions,
        },
        trace_id=current_trace_id() or "",
        traceparent=carrier.get("traceparent", ""),
    )
    session.add(run)
    session.flush()
    session.refresh(run)
    return run


def enqueue_run(sessions: Sessions, queue: RunQueue, run: Run) -> None:
    """Put a committed run into the stream; where Redis is away, the scheduler does it later."""
    try:
        with start_span(f"send {STREAM}", "producer", **describe_message(run.id, "send")):
            carrier: dict[str, str] = {}
            inject(carrier)
            entry_id = queue.enqueue(run.id, carrier)
    except redis.RedisError as error:
        log.warning("run not in the stream yet", run_id=run.id, job=run.job_name, error=str(error))
        return
    with sessions.begin() as session:
        session.execute(update(Run).where(Run.id == run.id).values(entry_id=entry_id))

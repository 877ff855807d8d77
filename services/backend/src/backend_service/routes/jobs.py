"""/api/jobs, and POST /api/jobs/{id}/runs."""

from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from backend_service.dispatch import create_run, enqueue_run
from backend_service.errors import InvalidError
from backend_service.metrics import RUNS
from backend_service.models import Job, JobTarget, Run, RunStatus, Target, Trigger
from backend_service.routes.base import Caller, Held, Key, Limit, Offset, find, flush, read_page
from backend_service.schemas.base import Page
from backend_service.schemas.jobs import JobBody, JobView
from backend_service.schemas.runs import RunView
from opsconductor_telemetry import get_logger

router = APIRouter(prefix="/api/jobs")
log = get_logger(__name__)


@router.get("", response_model=Page[JobView])
def list_jobs(held: Held, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """Jobs by name."""
    with held.sessions() as session:
        return read_page(session, select(Job).order_by(Job.name), limit, offset)


@router.post("", status_code=201, response_model=JobView)
def create_job(held: Held, caller: Caller, body: JobBody) -> Job:
    """Create a job; 409 where the name is taken, 422 where a target does not exist."""
    with held.sessions.begin() as session:
        job = Job()
        session.add(job)
        write_job(session, job, body)
        flush(session, f"create job {body.name}", "the name is taken, or a target was just deleted")
    log.info("job created", job=job.name, job_id=job.id, **{"user.name": caller})
    return job


@router.get("/{key}", response_model=JobView)
def read_job(held: Held, key: Key) -> Job:
    """One job."""
    with held.sessions() as session:
        return find(session, Job, key)


@router.put("/{key}", response_model=JobView)
def replace_job(held: Held, caller: Caller, key: Key, body: JobBody) -> Job:
    """Replace a job; runs that are queued keep the actions and targets they were queued with."""
    with held.sessions.begin() as session:
        job = find(session, Job, key, lock=True)
        write_job(session, job, body)
        flush(session, f"change job {body.name}", "the name is taken, or a target was just deleted")
    log.info("job changed", job=job.name, job_id=job.id, **{"user.name": caller})
    return job


@router.delete("/{key}", status_code=204)
def delete_job(held: Held, caller: Caller, key: Key) -> Response:
    """Delete a job and its schedules, and cancel its queued runs; runs stay in the history."""
    with held.sessions.begin() as session:
        job = find(session, Job, key, lock=True)
        session.delete(job)
        cancelled = session.scalars(
            update(Run)
            .where(Run.job_id == key, Run.status == RunStatus.QUEUED)
            .values(status=RunStatus.CANCELLED, finished_at=func.now())
            .returning(Run.id)
        ).all()
    RUNS.add(len(cancelled), status=RunStatus.CANCELLED)
    log.info("job deleted", job=job.name, job_id=job.id, **{"user.name": caller})
    return Response(status_code=204)


@router.post("/{key}/runs", status_code=202, response_model=RunView)
def start_run(held: Held, caller: Caller, key: Key, response: Response) -> Run:
    """Queue a run of the job as it is now; 409 without targets, 429 above QUEUE_MAX_RUNS."""
    with held.sessions.begin() as session:
        job = find(session, Job, key)
        run = create_run(session, job, Trigger.MANUAL, held.settings.queue_max_runs)
    log.info("run queued", run_id=run.id, job=run.job_name, number=run.number, **{"user.name": caller})
    enqueue_run(held.sessions, held.queue, run)
    response.headers["Location"] = f"/api/runs/{run.id}"
    return run


def write_job(session: Session, job: Job, body: JobBody) -> None:
    """Put the body's values into the row. Raises InvalidError that names the targets that do not exist."""
    with session.no_autoflush:
        known = set(session.scalars(select(Target.id).where(Target.id.in_(body.target_ids))))
    unknown = [key for key in body.target_ids if key not in known]
    if unknown:
        raise InvalidError(f"cannot save job {body.name}: no targets with the ids {unknown}")
    job.name = body.name
    job.description = body.description
    job.actions = [action.model_dump(mode="json") for action in body.actions]
    members = {member.position: member for member in job.members}
    job.members = [members.get(position) or JobTarget(position=position) for position in range(len(body.target_ids))]
    for member, target_id in zip(job.members, body.target_ids, strict=True):
        member.target_id = target_id

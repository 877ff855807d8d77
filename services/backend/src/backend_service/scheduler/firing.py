"""Schedules that are due become runs, each under a new trace."""

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from backend_service.dispatch import create_run, enqueue_run
from backend_service.errors import BackendError
from backend_service.models import Job, Run, RunStatus, Schedule, Trigger
from backend_service.recurrence import find_next
from backend_service.resources import Resources
from opsconductor_telemetry import get_logger, start_span

BATCH = 100

log = get_logger(__name__)


def fire_due(resources: Resources) -> None:
    """Fire every schedule that is due, at most 100 at a time. Times missed fire once."""
    for _ in range(BATCH):
        if not is_due(resources):  # asked outside of a trace: most rounds find nothing
            return
        with start_span("fire schedule"):
            if not fire_one(resources):
                return


def is_due(resources: Resources) -> bool:
    """Whether there is a schedule to fire."""
    due = exists().where(Schedule.enabled, Schedule.next_run_at <= func.now())
    with resources.sessions() as session:
        return bool(session.scalar(select(due)))


def fire_one(resources: Resources) -> bool:
    """Fire the schedule that is due longest, unless another scheduler has it; False when there is none."""
    with resources.sessions.begin() as session:
        due = session.execute(
            select(Schedule, Job, func.now())
            .join(Job, Job.id == Schedule.job_id)
            .where(Schedule.enabled, Schedule.next_run_at <= func.now())
            .order_by(Schedule.next_run_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if due is None:
            return False
        schedule, job, now = due
        schedule.next_run_at = find_next(schedule.cron, schedule.interval_s, schedule.next_run_at, now)
        if is_waiting(session, job):
            log.warning("schedule passed over: its last run is still queued", schedule_id=schedule.id, job=job.name)
            return True
        try:
            run = create_run(session, job, Trigger.SCHEDULE, resources.settings.queue_max_runs)
        except BackendError as error:
            log.warning("schedule passed over", schedule_id=schedule.id, job=job.name, error=str(error))
            return True
        schedule.last_run_at = now
    log.info("schedule fired", schedule_id=schedule.id, run_id=run.id, job=job.name, number=run.number)
    enqueue_run(resources.sessions, resources.queue, run)
    return True


def is_waiting(session: Session, job: Job) -> bool:
    """Whether a scheduled run of the job is queued: without workers, runs must not pile up."""
    waiting = exists().where(Run.job_id == job.id, Run.status == RunStatus.QUEUED, Run.trigger == Trigger.SCHEDULE)
    return bool(session.scalar(select(waiting)))

"""/api/schedules."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend_service.errors import InvalidError
from backend_service.models import Job, Schedule
from backend_service.recurrence import find_first
from backend_service.routes.base import Caller, Held, Key, Limit, Offset, find, flush, read_page
from backend_service.schemas.base import Page
from backend_service.schemas.schedules import ScheduleBody, ScheduleView
from opsconductor_telemetry import get_logger

router = APIRouter(prefix="/api/schedules")
log = get_logger(__name__)


@router.get("", response_model=Page[ScheduleView])
def list_schedules(held: Held, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """Schedules in the order of their creation."""
    with held.sessions() as session:
        return read_page(session, select(Schedule).order_by(Schedule.id), limit, offset)


@router.post("", status_code=201, response_model=ScheduleView)
def create_schedule(held: Held, caller: Caller, body: ScheduleBody) -> Schedule:
    """Create a schedule; 422 where the job does not exist."""
    with held.sessions.begin() as session:
        schedule = Schedule()
        write_schedule(session, schedule, body)
        session.add(schedule)
        flush(session, "create schedule", f"job {body.job_id} was just deleted")
    log.info("schedule created", schedule_id=schedule.id, job_id=schedule.job_id, **{"user.name": caller})
    return schedule


@router.put("/{key}", response_model=ScheduleView)
def replace_schedule(held: Held, caller: Caller, key: Key, body: ScheduleBody) -> Schedule:
    """Replace a schedule; its next time is counted from now."""
    with held.sessions.begin() as session:
        schedule = find(session, Schedule, key, lock=True)
        write_schedule(session, schedule, body)
        flush(session, f"change schedule {key}", f"job {body.job_id} was just deleted")
    log.info("schedule changed", schedule_id=schedule.id, job_id=schedule.job_id, **{"user.name": caller})
    return schedule


@router.delete("/{key}", status_code=204)
def delete_schedule(held: Held, caller: Caller, key: Key) -> Response:
    """Delete a schedule; runs that it queued stay."""
    with held.sessions.begin() as session:
        schedule = find(session, Schedule, key, lock=True)
        session.delete(schedule)
    log.info("schedule deleted", schedule_id=key, job_id=schedule.job_id, **{"user.name": caller})
    return Response(status_code=204)


def write_schedule(session: Session, schedule: Schedule, body: ScheduleBody) -> None:
    """Put the body's values into the row. Raises InvalidError where the job does not exist."""
    if session.get(Job, body.job_id) is None:
        raise InvalidError(f"cannot save schedule: no job with the id {body.job_id}")
    for name, value in body.model_dump().items():
        setattr(schedule, name, value)
    schedule.next_run_at = find_first(body.cron, body.interval_s, datetime.now(UTC))

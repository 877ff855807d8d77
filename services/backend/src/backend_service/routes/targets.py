"""/api/targets."""

from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import select

from backend_service.errors import ConflictError
from backend_service.models import Job, JobTarget, Target
from backend_service.routes.base import Caller, Held, Key, Limit, Offset, find, flush, read_page
from backend_service.schemas.base import Page
from backend_service.schemas.targets import TargetBody, TargetView
from opsconductor_telemetry import get_logger

router = APIRouter(prefix="/api/targets")
log = get_logger(__name__)


@router.get("", response_model=Page[TargetView])
def list_targets(held: Held, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """Targets by name."""
    with held.sessions() as session:
        return read_page(session, select(Target).order_by(Target.name), limit, offset)


@router.post("", status_code=201, response_model=TargetView)
def create_target(held: Held, caller: Caller, body: TargetBody) -> Target:
    """Create a target; 409 where the name is taken."""
    with held.sessions.begin() as session:
        target = Target(**body.model_dump())
        session.add(target)
        flush(session, f"create target {body.name}", "the name is taken")
        session.refresh(target)
    log.info("target created", target=target.name, **{"user.name": caller})
    return target


@router.get("/{key}", response_model=TargetView)
def read_target(held: Held, key: Key) -> Target:
    """One target."""
    with held.sessions() as session:
        return find(session, Target, key)


@router.put("/{key}", response_model=TargetView)
def replace_target(held: Held, caller: Caller, key: Key, body: TargetBody) -> Target:
    """Replace a target; runs that are queued keep the address they were queued with."""
    with held.sessions.begin() as session:
        target = find(session, Target, key, lock=True)
        for name, value in body.model_dump().items():
            setattr(target, name, value)
        flush(session, f"change target {body.name}", "the name is taken")
    log.info("target changed", target=target.name, **{"user.name": caller})
    return target


@router.delete("/{key}", status_code=204)
def delete_target(held: Held, caller: Caller, key: Key) -> Response:
    """Delete a target; 409 while a job uses it."""
    with held.sessions.begin() as session:
        target = find(session, Target, key, lock=True)
        user = session.scalar(select(Job.name).join(JobTarget).where(JobTarget.target_id == key).limit(1))
        if user is not None:
            raise ConflictError(f"cannot delete target {target.name}: job {user} uses it; take it out there first")
        session.delete(target)
        flush(session, f"delete target {target.name}", "a job uses it; take it out there first")
    log.info("target deleted", target=target.name, **{"user.name": caller})
    return Response(status_code=204)

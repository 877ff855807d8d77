"""/api/runs."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.orm import defer, selectinload

from backend_service.errors import NotFoundError
from backend_service.models import Run, RunStatus
from backend_service.routes.base import Held, Key, Limit, Offset, read_page
from backend_service.schemas.base import Page
from backend_service.schemas.runs import RunDetail, RunView

router = APIRouter(prefix="/api/runs")


@router.get("", response_model=Page[RunView])
def list_runs(
    held: Held,
    job_id: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    status: RunStatus | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> dict[str, Any]:
    """Runs, newest first."""
    rows = select(Run).options(defer(Run.plan)).order_by(Run.id.desc())
    if job_id is not None:
        rows = rows.where(Run.job_id == job_id)
    if status is not None:
        rows = rows.where(Run.status == status)
    with held.sessions() as session:
        return read_page(session, rows, limit, offset)


@router.get("/{key}", response_model=RunDetail)
def read_run(held: Held, key: Key) -> Run:
    """One run with the results recorded so far."""
    with held.sessions() as session:
        run = session.get(Run, key, options=[selectinload(Run.results), defer(Run.plan)])
        if run is None:
            raise NotFoundError(f"cannot find run {key}: there is none with this id, or its retention has passed")
        return run

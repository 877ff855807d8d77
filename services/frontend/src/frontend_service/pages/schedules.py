"""Schedules: created and deleted on their job's page."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from frontend_service.errors import FormError, RefusedError
from frontend_service.forms import Form, read_form, read_whole
from frontend_service.pages.jobs import render_job
from frontend_service.rendering import redirect
from frontend_service.services import Json
from frontend_service.session import Here

router = APIRouter(prefix="/jobs/{key}/schedules")


@router.post("")
async def create_schedule(
    request: Request, session: Here, key: int, form: Annotated[Form, Depends(read_form)]
) -> Response:
    """Creates a schedule from a cron expression or an interval."""
    try:
        await session.call("backend", "POST", "/api/schedules", body={"job_id": key, **read_rule(form)})
    except (FormError, RefusedError) as error:
        return await render_job(request, session, key, form, error)
    return redirect(f"/jobs/{key}", "schedule-created")


def read_rule(form: Form) -> Json:
    """When the job runs, as the API takes it. Raises FormError."""
    interval_s = read_whole(form, "interval_s", "Interval")
    if bool(form.get("cron")) == (interval_s is not None):
        raise FormError("Give either a cron expression or an interval")
    return {"cron": form["cron"]} if interval_s is None else {"interval_s": interval_s}


@router.post("/{schedule}/delete", dependencies=[Depends(read_form)])
async def delete_schedule(session: Here, key: int, schedule: int) -> Response:
    """Deletes a schedule."""
    await session.call("backend", "DELETE", f"/api/schedules/{schedule}")
    return redirect(f"/jobs/{key}", "schedule-deleted")

"""Jobs: the list, the form that creates one, and a job's page with its schedules and runs."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from frontend_service.errors import FormError, RefusedError
from frontend_service.forms import ACTION_ROWS, Form, read_actions, read_form
from frontend_service.rendering import Part, redirect, render
from frontend_service.session import Here, Session

EVERYTHING: dict[str, str | int] = {"limit": 1000}

router = APIRouter(prefix="/jobs")


@router.get("")
async def show_jobs(request: Request, session: Here, part: Part) -> Response:
    """The jobs."""
    page = await session.call("backend", "GET", "/api/jobs", query=part.query)
    return render(request, "jobs", jobs=page["items"], part=part.of(page["total"]))


@router.get("/new")
async def show_new_job(request: Request, session: Here) -> Response:
    """The empty form of a job."""
    return await render_form(request, session)


async def render_form(
    request: Request, session: Session, form: Form | None = None, error: FormError | RefusedError | None = None
) -> Response:
    """The form of a job; with what was typed and why it was refused, after a refused form."""
    targets = await session.call("backend", "GET", "/api/targets", query=EVERYTHING)
    return render(
        request,
        "job_form",
        status=error.status if error else 200,
        targets=targets["items"],
        rows=range(1, ACTION_ROWS + 1),
        form=form or {},
        chosen=form.many.get("target", []) if form else [],
        error=error,
    )


@router.post("")
async def create_job(request: Request, session: Here, form: Annotated[Form, Depends(read_form)]) -> Response:
    """Creates a job."""
    try:
        targets = [int(key) for key in form.many.get("target", []) if key.isascii() and key.isdigit()]
        body = {
            "name": form.get("name", ""),
            "description": form.get("description", ""),
            "target_ids": targets,
            "actions": read_actions(form),
        }
        job = await session.call("backend", "POST", "/api/jobs", body=body)
    except (FormError, RefusedError) as error:
        return await render_form(request, session, form, error)
    return redirect(f"/jobs/{job['id']}", "job-created")


@router.get("/{key}")
async def show_job(request: Request, session: Here, key: int) -> Response:
    """A job with its targets, actions, schedules and newest runs."""
    return await render_job(request, session, key)


async def render_job(
    request: Request,
    session: Session,
    key: int,
    form: Form | None = None,
    error: FormError | RefusedError | None = None,
) -> Response:
    """A job's page; with the refused form of a schedule, after one."""
    job, targets, schedules, runs = await asyncio.gather(
        session.call("backend", "GET", f"/api/jobs/{key}"),
        session.call("backend", "GET", "/api/targets", query=EVERYTHING),
        session.call("backend", "GET", "/api/schedules", query=EVERYTHING),
        session.call("backend", "GET", "/api/runs", query={"job_id": key, "limit": 10}),
    )
    names = {target["id"]: target["name"] for target in targets["items"]}
    return render(
        request,
        "job",
        status=error.status if error else 200,
        job=job,
        targets=[(key, names.get(key, f"target {key}")) for key in job["target_ids"]],
        schedules=[schedule for schedule in schedules["items"] if schedule["job_id"] == key],
        runs=runs["items"],
        form=form or {},
        error=error,
    )


@router.post("/{key}/runs", dependencies=[Depends(read_form)])
async def start_run(session: Here, key: int) -> Response:
    """Queues a run and shows it."""
    run = await session.call("backend", "POST", f"/api/jobs/{key}/runs")
    return redirect(f"/runs/{run['id']}", "run-queued")


@router.post("/{key}/delete", dependencies=[Depends(read_form)])
async def delete_job(session: Here, key: int) -> Response:
    """Deletes a job."""
    await session.call("backend", "DELETE", f"/api/jobs/{key}")
    return redirect("/jobs", "job-deleted")

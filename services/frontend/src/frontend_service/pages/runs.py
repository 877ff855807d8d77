"""Runs: the list, and one run with a result per target and action."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from frontend_service.rendering import Part, render
from frontend_service.session import Here

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")

router = APIRouter(prefix="/runs")


@router.get("")
async def show_runs(request: Request, session: Here, part: Part) -> Response:
    """The runs, newest first; ?job_id= and ?status= choose among them."""
    wanted = {"status": request.query_params.get("status", ""), "job_id": request.query_params.get("job_id", "")}
    chosen: dict[str, str | int] = {name: value for name, value in wanted.items() if value}
    page = await session.call("backend", "GET", "/api/runs", query={**part.query, **chosen})
    jobs = await session.call("backend", "GET", "/api/jobs", query={"limit": 1000})
    return render(
        request,
        "runs",
        runs=page["items"],
        part=part.of(page["total"]),
        chosen=chosen,
        statuses=STATUSES,
        jobs=jobs["items"],
    )


@router.get("/{key}")
async def show_run(request: Request, session: Here, key: int) -> Response:
    """One run; the page loads itself again while the run goes on."""
    run = await session.call("backend", "GET", f"/api/runs/{key}")
    return render(request, "run", run=run, unfinished=run["status"] in {"queued", "running"})

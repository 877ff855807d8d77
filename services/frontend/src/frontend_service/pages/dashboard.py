"""The start page: what ran last, and how much there is."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from frontend_service.rendering import render
from frontend_service.session import Here

router = APIRouter()


@router.get("/")
async def show_dashboard(request: Request, session: Here) -> Response:
    """The ten newest runs and the counts of targets, jobs and failed runs."""
    runs, targets, jobs, failed = await asyncio.gather(
        session.call("backend", "GET", "/api/runs", query={"limit": 10}),
        session.call("backend", "GET", "/api/targets", query={"limit": 1}),
        session.call("backend", "GET", "/api/jobs", query={"limit": 1}),
        session.call("backend", "GET", "/api/runs", query={"limit": 1, "status": "failed"}),
    )
    counts = {name: page["total"] for name, page in (("targets", targets), ("jobs", jobs), ("failed", failed))}
    return render(request, "dashboard", runs=runs["items"], counts=counts)

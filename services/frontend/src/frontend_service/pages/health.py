"""GET /health (the process lives) and GET /ready (what the pages depend on can be reached), for machines."""

import asyncio
from typing import get_args

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from frontend_service.errors import RefusedError, UnavailableError
from frontend_service.services import Name, Services

CHECK_TIMEOUT_S = 2.0

router = APIRouter()


@router.get("/health")
async def read_health() -> dict[str, str]:
    """Always 200 {"status": "ok"}."""
    return {"status": "ok"}


@router.get("/ready")
async def read_ready(request: Request) -> JSONResponse:
    """200 {"status": "ok"}, or 503 with `missing`: which service cannot be reached, and why."""
    names: tuple[Name, ...] = get_args(Name)
    reasons = await asyncio.gather(*(check(request.app.state.services, name) for name in names))
    missing = {name: reason for name, reason in zip(names, reasons, strict=True) if reason}
    if missing:
        return JSONResponse({"status": "unavailable", "missing": missing}, status_code=503)
    return JSONResponse({"status": "ok"})


async def check(services: Services, name: Name) -> str | None:
    """Why the service cannot be reached; None when it can."""
    deadline = asyncio.get_running_loop().time() + CHECK_TIMEOUT_S
    try:
        await services.call(name, "GET", "/health", deadline=deadline)
    except (RefusedError, UnavailableError) as error:
        return str(error)
    return None

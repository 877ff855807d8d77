"""GET /health (the process lives) and GET /ready (what it depends on can be reached), the same in all processes."""

import asyncio
from typing import Annotated

import redis
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from backend_service.resources import Resources

CHECK_TIMEOUT_S = 4.0

router = APIRouter()


def get_resources(request: Request) -> Resources:
    """The process's resources, for routes."""
    resources: Resources = request.app.state.resources
    return resources


Held = Annotated[Resources, Depends(get_resources)]


@router.get("/health")
async def read_health() -> dict[str, str]:
    """Always 200 {"status": "ok"}."""
    return {"status": "ok"}


@router.get("/ready")
async def read_ready(resources: Held) -> JSONResponse:
    """200 {"status": "ok"}, or 503 with `missing`: what cannot be reached, and why.

    Auth is not asked: every service would be unready with it.
    """
    names = list(resources.checks)
    reasons = await asyncio.gather(*(check(resources, name) for name in names))
    missing = {name: reason for name, reason in zip(names, reasons, strict=True) if reason}
    if not missing and not resources.started:
        missing = {"schema": "the database is not migrated yet"}
    if missing:
        return JSONResponse({"status": "unavailable", "missing": missing}, status_code=503)
    return JSONResponse({"status": "ok"})


async def check(resources: Resources, name: str) -> str | None:
    """Why the dependency cannot be reached; None when it can."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await asyncio.to_thread(resources.checks[name])
    except (SQLAlchemyError, redis.RedisError) as error:
        return str(error).strip().splitlines()[0]
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT_S:g} s"
    return None

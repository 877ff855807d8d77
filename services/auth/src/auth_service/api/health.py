"""Whether the process lives, and whether what it needs can be reached."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from auth_service.services import Services

router = APIRouter()

PROBE_TIMEOUT_S = 2.0


@router.get("/health")
async def show_health() -> dict[str, str]:
    """200 for as long as the process answers."""
    return {"status": "ok"}


@router.get("/ready")
async def show_readiness(request: Request) -> JSONResponse:
    """200 when requests can be served, else 503 with the names of what is missing."""
    services: Services = request.app.state.services
    missing = [
        name
        for name, reached in zip(
            ("postgres", "redis"),
            await asyncio.gather(_reach_postgres(services), _reach_redis(services)),
            strict=True,
        )
        if not reached
    ]
    if not missing and not services.prepared:
        missing = ["schema"]
    if missing:
        return JSONResponse({"status": "unavailable", "missing": missing}, 503)
    return JSONResponse({"status": "ok"})


async def _reach_postgres(services: Services) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await services.database.run(lambda db: db.execute(text("SELECT 1")).close())
    except (SQLAlchemyError, TimeoutError):
        return False
    return True


async def _reach_redis(services: Services) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await services.redis.ping()
    except (RedisError, TimeoutError):
        return False
    return True

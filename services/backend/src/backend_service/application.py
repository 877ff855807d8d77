"""The API process: routes behind the gate, and errors as {"detail": "cannot …"}."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from backend_service.access import Gate, SessionCheck, make_answer
from backend_service.errors import BackendError, InvalidError, UnavailableError
from backend_service.metrics import QUEUE_DEPTH, count_queued
from backend_service.process import build_process
from backend_service.resources import Resources, start_resources
from backend_service.routes import jobs, runs, schedules, targets
from backend_service.settings import Settings
from opsconductor_telemetry import get_logger

log = get_logger(__name__)


def build_application(settings: Settings) -> FastAPI:
    """The API; migrates the database in the background and answers 503 below /api/ until that is done."""
    sessions = SessionCheck(settings.auth_url)

    async def work(resources: Resources) -> None:
        try:
            await start_resources(resources, migrates=True)
            log.info("backend started")
            await asyncio.Event().wait()
        finally:
            await sessions.close()

    app = build_process(settings, "OpsConductor backend", work, {QUEUE_DEPTH: count_queued})
    app.add_middleware(Gate, sessions=sessions, max_body_bytes=settings.max_body_bytes)
    for noun in (targets, jobs, runs, schedules):
        app.include_router(noun.router)
    add_error_handlers(app)
    return app


def add_error_handlers(app: FastAPI) -> None:
    """Every error of a route becomes {"detail": "cannot …"} with its status."""

    def handle(kind: type[Exception]) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            app.add_exception_handler(kind, handler)
            return handler

        return register

    @handle(BackendError)
    async def answer_own(_: Request, error: Exception) -> JSONResponse:
        return make_answer(error if isinstance(error, BackendError) else BackendError(str(error)))

    @handle(RequestValidationError)
    async def answer_invalid(_: Request, error: Exception) -> JSONResponse:
        return make_answer(InvalidError(f"cannot accept request: {describe(error)}"))

    @handle(HTTPException)
    async def answer_http(request: Request, error: Exception) -> JSONResponse:
        status, reason = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "error")
        return JSONResponse(
            {"detail": f"cannot {request.method} {request.url.path}: {reason}"},
            status_code=status,
            headers=getattr(error, "headers", None),
        )

    @handle(Exception)
    async def answer_fault(_: Request, error: Exception) -> JSONResponse:
        del error  # the request's line has it
        return make_answer(BackendError("cannot answer: a fault in the backend; look for X-Trace-Id in its log"))

    @handle(OperationalError)
    @handle(PoolTimeoutError)
    async def answer_unreachable(_: Request, error: Exception) -> JSONResponse:
        log.warning("database unreachable", error=str(error).strip().splitlines()[0])
        return make_answer(UnavailableError("cannot reach PostgreSQL: try again"))


Handler = Callable[[Request, Exception], Awaitable[JSONResponse]]


def describe(error: Exception) -> str:
    """`body.actions.0.http.path: String should match …; …` of a request that does not validate."""
    if not isinstance(error, RequestValidationError):
        return str(error)
    return "; ".join(
        f"{'.'.join(str(part) for part in entry['loc'])}: {entry['msg'].removeprefix('Value error, ')}"
        for entry in error.errors()
    )

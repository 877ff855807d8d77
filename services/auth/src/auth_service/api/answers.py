"""Errors as answers: {"detail": "cannot …"} with the right status, and never an input's value in it."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from auth_service.errors import RefusalError
from opsconductor_telemetry import get_logger

MAX_PROBLEMS = 10
"""Mistakes of one request that an answer lists."""

log = get_logger(__name__)


def add_error_answers(app: FastAPI) -> None:
    """Register an answer for every error that may leave a handler."""
    app.add_exception_handler(RefusalError, _answer_refusal)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RedisError, _answer_unreachable)
    app.add_exception_handler(OperationalError, _answer_unreachable)
    app.add_exception_handler(InterfaceError, _answer_unreachable)
    app.add_exception_handler(PoolTimeoutError, _answer_unreachable)
    app.add_exception_handler(Exception, _answer_fault)


async def _answer_refusal(_: Request, error: Exception) -> JSONResponse:
    status = error.status if isinstance(error, RefusalError) else 400
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if isinstance(error, RefusalError) and error.retry_after_s:
        headers["Retry-After"] = str(error.retry_after_s)
    return JSONResponse({"detail": str(error)}, status, headers)


async def _answer_invalid(_: Request, error: Exception) -> JSONResponse:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    texts = []
    for problem in problems[:MAX_PROBLEMS]:
        where = ".".join(str(part) for part in problem["loc"])
        texts.append(f"{where}: {problem['msg'].removeprefix('Value error, ')}")
    return JSONResponse({"detail": f"cannot read the request: {'; '.join(texts)}"}, 422)


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    status, reason = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
    texts = {
        404: f"cannot find {request.url.path}: there is no such path",
        405: f"cannot {request.method} {request.url.path}: the path has no such method",
        413: "cannot read the request: its body is above the limit MAX_BODY_BYTES",
    }
    detail = texts.get(status) or f"cannot read the request: {reason}"
    return JSONResponse({"detail": detail}, status, getattr(error, "headers", None))


async def _answer_unreachable(_: Request, error: Exception) -> JSONResponse:
    server = "redis" if isinstance(error, RedisError) else "postgres"
    log.warning("server unreachable", server=server, reason=str(error))
    return JSONResponse({"detail": f"cannot reach {server}: try again"}, 503, {"Retry-After": "1"})


async def _answer_fault(_request: Request, _error: Exception) -> JSONResponse:
    # the request's log line holds the exception
    return JSONResponse({"detail": "cannot answer: the service failed; its log says why"}, 500)

"""The ASGI application: the pages, their common resources, and every error as a page in words."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from frontend_service.errors import FrontendError, SessionLostError
from frontend_service.pages import access, dashboard, health, jobs, runs, schedules, targets, users
from frontend_service.protection import PageHeadersMiddleware
from frontend_service.rendering import redirect, render
from frontend_service.services import Services
from frontend_service.session import store_tokens
from frontend_service.settings import Settings
from frontend_service.tokens import Renewals
from opsconductor_telemetry import MetricsEndpoint, get_logger, http_client

CONNECT_TIMEOUT_S = 2.0

log = get_logger(__name__)


def build_application(settings: Settings) -> ASGIApp:
    """The web UI's server."""

    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        # A page's own deadline bounds the whole of its calls; this bounds the connection attempt.
        client = http_client(timeout=httpx.Timeout(settings.page_timeout_s, connect=CONNECT_TIMEOUT_S))
        app.state.settings = settings
        app.state.services = Services(client, settings.auth_url, settings.backend_url)
        app.state.renewals = Renewals(app.state.services)
        log.info("frontend started")
        try:
            yield
        finally:
            await client.aclose()

    app = FastAPI(title="OpsConductor", lifespan=live, docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.router.routes.append(Route("/metrics", MetricsEndpoint()))
    for page in (health, access, dashboard, targets, jobs, schedules, runs, users):
        app.include_router(page.router)
    add_error_pages(app)
    return PageHeadersMiddleware(app)


Handler = Callable[[Request, Exception], Awaitable[Response]]


def add_error_pages(app: FastAPI) -> None:
    """Every error becomes a page in words; a lost session leads to the login."""

    def handle(kind: type[Exception]) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            app.add_exception_handler(kind, handler)
            return handler

        return register

    @handle(SessionLostError)
    async def ask_login(request: Request, _: Exception) -> Response:
        store_tokens(request, None)
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        back = path if request.method == "GET" and path != "/" else ""
        return redirect(f"/login?next={quote(back, safe='')}" if back else "/login")

    @handle(FrontendError)
    async def show_own(request: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, FrontendError) else 500
        return render(request, "error", status=status, code=status, error=str(error))

    @handle(HTTPException)
    async def show_http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        reason = "there is no such page" if status == 404 else str(getattr(error, "detail", ""))
        return render(request, "error", status=status, code=status, error=f"cannot show {request.url.path}: {reason}")

    @handle(RequestValidationError)
    async def show_missing(request: Request, _: Exception) -> Response:
        message = f"cannot show {request.url.path}: there is no such page"
        return render(request, "error", status=404, code=404, error=message)

    @handle(Exception)
    async def show_unexpected(request: Request, _: Exception) -> Response:
        message = "cannot show the page: something unexpected happened; its trace id leads to what was logged"
        return render(request, "error", status=500, code=500, error=message)

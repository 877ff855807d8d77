"""The ASGI application, composed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Route

from auth_service.api import health, login, users
from auth_service.api.answers import add_error_answers
from auth_service.body_limit import BodyLimit
from auth_service.metrics import SESSIONS
from auth_service.preparation import prepare
from auth_service.services import Services, make_services
from auth_service.settings import Settings
from opsconductor_telemetry import MetricsEndpoint, TraceMiddleware


def create_application(settings: Settings, fail: Callable[[BaseException], None]) -> TraceMiddleware:
    """The application. It answers at once, with 503 until it is prepared; fail(error) says that it never will be."""

    def tell(preparation: asyncio.Task[None]) -> None:
        error = None if preparation.cancelled() else preparation.exception()
        if error is not None:
            fail(error)

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        services = make_services(settings)
        app.state.services = services
        preparation = asyncio.create_task(prepare(services))
        preparation.add_done_callback(tell)
        try:
            yield
        finally:
            preparation.cancel()
            await services.close()

    app = FastAPI(lifespan=run, openapi_url=None)
    add_error_answers(app)

    async def count_sessions() -> dict[tuple[str, ...], float]:
        services: Services = app.state.services
        return {(): await services.sessions.count()}

    app.router.routes.append(Route("/metrics", MetricsEndpoint({SESSIONS: count_sessions})))
    app.include_router(health.router)
    app.include_router(login.router, prefix="/api/auth")
    app.include_router(users.router, prefix="/api/auth")
    app.add_middleware(BodyLimit)
    return TraceMiddleware(app)

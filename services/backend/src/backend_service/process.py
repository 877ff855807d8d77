"""One process: settings, telemetry, an ASGI application under uvicorn, background work beside it, a clean stop."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from starlette.routing import Route

import opsconductor_telemetry as telemetry
from backend_service.errors import SettingError
from backend_service.health import router as health_router
from backend_service.metrics import Series, look_up_with
from backend_service.resources import Resources, open_resources
from backend_service.settings import Settings, load_settings

STOP_REQUESTS_S = 3
STOP_TELEMETRY_S = 1.0

Work = Callable[[Resources], Awaitable[None]]

log = telemetry.get_logger(__name__)


def run_process(service: str, listen: str, build: Callable[[Settings], FastAPI]) -> int:
    """Serve the built application until SIGTERM or SIGINT; returns the exit code (2: bad settings, 1: failed)."""
    try:
        telemetry.configure(service)
        settings = load_settings(os.environ, listen)
        app = build(settings)
    except (SettingError, telemetry.TelemetryError) as error:
        sys.stderr.write(f"{service}: {error}\n")
        return 2
    server = uvicorn.Server(
        uvicorn.Config(
            telemetry.TraceMiddleware(app),
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # telemetry reads the client's address
            timeout_graceful_shutdown=STOP_REQUESTS_S,
        )
    )
    # uvicorn raises the signal again when it has stopped; with this handler the process then ends with 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    try:
        server.run()
    finally:
        telemetry.shutdown(STOP_TELEMETRY_S)
    return 0 if server.started and not app.state.failed else 1


def build_process(
    settings: Settings, title: str, work: Work, gauges: dict[telemetry.Gauge, Callable[[Resources], Series]]
) -> FastAPI:
    """An application with /health, /ready and /metrics that runs `work` from start to stop.

    `gauges` are looked up at each scrape.
    `work` is cancelled at the stop and given the time to clean up; where it fails, the process stops with code 1.
    """
    resources = open_resources(settings)

    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(run_work(app, work))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            resources.close()

    app = FastAPI(title=title, lifespan=live, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.resources = resources
    app.state.failed = False
    app.router.routes.append(Route("/metrics", telemetry.MetricsEndpoint(look_up_with(resources, gauges))))
    app.include_router(health_router)
    return app


async def run_work(app: FastAPI, work: Work) -> None:
    """Run the work; an error that it does not expect stops the process, which its supervisor starts again."""
    try:
        await work(app.state.resources)
    except Exception:
        log.exception("cannot go on")
        app.state.failed = True
        signal.raise_signal(signal.SIGTERM)

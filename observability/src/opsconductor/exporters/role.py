"""`opsconductor run exporters`: one process, four ports. The main port is the host's."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from opsconductor.exporters.config import ExportersConfig, read_settings
from opsconductor.exporters.family import Family, render
from opsconductor.exporters.host import collect_host
from opsconductor.exporters.nginx import NginxLog, collect_nginx
from opsconductor.exporters.postgres import collect_postgres
from opsconductor.exporters.redis import collect_redis
from opsconductor.serving.health import METRICS_TYPE
from opsconductor.serving.role import RoleOptions
from opsconductor.serving.server import bind_listener, serve
from opsconductor_telemetry import configure, get_logger

log = get_logger(__name__)

PORTS = {"postgres": 9187, "redis": 9121, "nginx": 9113}
"""Listeners beside the main one (9100): `extra` of the options may move them."""

Collect = Callable[[], Awaitable[list[Family]]]


def main(options: RoleOptions) -> int:
    """Serve until SIGTERM."""
    configure("exporters")
    config = read_settings()
    nginx_log = NginxLog(config.nginx_log)
    collectors = make_collectors(config, nginx_log)
    listener = bind_listener(options.listen)
    others = {
        name: bind_listener(options.extra.get(name, (options.listen[0], PORTS[name])))
        for name in collectors
        if name != "host"
    }
    servers = {name: _side_server(make_app(collectors[name])) for name in others}
    tasks: list[asyncio.Task[None]] = []

    async def start() -> None:
        for name, server in servers.items():
            tasks.append(asyncio.create_task(server.serve(sockets=[others[name]])))

    async def stop() -> None:
        for server in servers.values():
            server.should_exit = True
        await asyncio.gather(*tasks, return_exceptions=True)
        nginx_log.close()

    serve(make_app(collectors["host"]), listener, start=start, stop=stop)
    return 0


def make_collectors(config: ExportersConfig, nginx_log: NginxLog) -> dict[str, Collect]:
    """What each port shows."""

    async def host() -> list[Family]:
        return await asyncio.to_thread(collect_host)

    async def postgres() -> list[Family]:
        return await asyncio.to_thread(collect_postgres, config.postgres)

    async def redis() -> list[Family]:
        return await collect_redis(config.redis)

    async def nginx() -> list[Family]:
        return await collect_nginx(*config.nginx, nginx_log)

    return {"host": host, "postgres": postgres, "redis": redis, "nginx": nginx}


def make_app(collect: Collect) -> Starlette:
    """/metrics and /ready of one exporter."""

    async def metrics(_request: Request) -> Response:
        return PlainTextResponse(render(await collect()), media_type=METRICS_TYPE)

    async def ready(_request: Request) -> Response:
        return PlainTextResponse("ready\n")

    return Starlette(routes=[Route("/metrics", metrics), Route("/ready", ready)])


class _SideServer(uvicorn.Server):
    """A server beside the main one: signals are the main one's."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # as in uvicorn
        """Capture none."""
        yield


def _side_server(app: Starlette) -> uvicorn.Server:
    return _SideServer(
        uvicorn.Config(app, http="httptools", lifespan="off", log_config=None, access_log=False, server_header=False)
    )

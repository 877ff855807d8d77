"""The routes of the role. Spec: Loki HTTP API; what is missing here is answered 404."""

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from opsconductor import __version__
from opsconductor.logs.config import LogsConfig
from opsconductor.logs.encoding import JSON, encode_error
from opsconductor.logs.figures import Figures
from opsconductor.logs.ingest import PushEndpoint
from opsconductor.logs.reading import ReadEndpoint
from opsconductor.logs.tailing import TailEndpoint
from opsconductor.serving.errors import ErrorMiddleware
from opsconductor.serving.health import health_routes
from opsconductor.serving.worker_pool import WorkerPool
from opsconductor_telemetry import TraceMiddleware

PREFIX: Final = "/loki/api/v1"
READS: Final = ("query", "query_range", "labels", "series", "label/{name}/values")


def make_app(
    config: LogsConfig,
    push: PushEndpoint,
    tail: TailEndpoint,
    find_pool: Callable[[], WorkerPool],
    find_missing: Callable[[], str],
    figures: Figures,
) -> ASGIApp:
    """The ASGI app. find_pool raises UnavailableError until the workers run."""
    routes: list[BaseRoute] = []
    for name in READS:
        endpoint = ReadEndpoint(name, config, find_pool, figures)
        routes.append(Route(f"{PREFIX}/{name}", endpoint, methods=["GET", "POST"]))
    routes.append(
        Route(f"{PREFIX}/label", ReadEndpoint("labels", config, find_pool, figures), methods=["GET", "POST"])
    )
    routes.append(WebSocketRoute(f"{PREFIX}/tail", tail.__call__))
    routes.append(Route(f"{PREFIX}/status/buildinfo", _answer_buildinfo, methods=["GET"]))
    routes.append(Route("/prometheus/api/v1/rules", _answer_no_rules, methods=["GET"]))
    routes.extend(health_routes(find_missing, figures.registry))
    reads = TraceMiddleware(ErrorMiddleware(Router(routes, redirect_slashes=False, default=_refuse_path)))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Pushes leave no request line: our own lines are pushed here too, each would beget the next.
        is_push = scope["type"] == "http" and scope["path"] == f"{PREFIX}/push" and scope["method"] == "POST"
        await (push if is_push else reads)(scope, receive, send)

    return app


async def _answer_buildinfo(_request: Request) -> Response:
    names = ("revision", "branch", "buildUser", "buildDate", "goVersion")
    return JSONResponse({"version": __version__, **dict.fromkeys(names, "")})


async def _answer_no_rules(_request: Request) -> Response:
    """User interfaces ask each store for its rules; this one evaluates none."""
    return JSONResponse({"status": "success", "data": {"groups": []}})


async def _refuse_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Every other path; a WebSocket is closed."""
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    message = f"cannot answer {scope['path']}: there is no such endpoint here"
    await Response(encode_error(404, message), 404, media_type=JSON)(scope, receive, send)

"""The routes of the query port. Spec: the original's query API, /api (v1) and /api/v3; anything else is 404."""

from collections.abc import Callable
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from opsconductor.serving.errors import ErrorMiddleware
from opsconductor.serving.health import health_routes
from opsconductor.serving.worker_pool import WorkerPool
from opsconductor.traces.figures import Figures
from opsconductor.traces.reading import ReadEndpoint
from opsconductor_telemetry import TraceMiddleware

ENDPOINTS: Final = {
    "/api/services": "services",
    "/api/services/{service:path}/operations": "service_operations",
    "/api/operations": "operations",
    "/api/traces": "search",
    "/api/traces/{trace_id:path}": "trace",
    "/api/dependencies": "dependencies",
    "/api/v3/services": "v3/services",
    "/api/v3/operations": "v3/operations",
    "/api/v3/traces": "v3/search",
    "/api/v3/traces/{trace_id:path}": "v3/trace",
    "/api/v3/trace-summaries": "v3/summaries",
}
"""Path → what the query worker calls it; read with GET."""

POSTS: Final = {"/api/transform": "transform"}


def make_app(find_pool: Callable[[], WorkerPool], find_missing: Callable[[], str], figures: Figures) -> ASGIApp:
    """The ASGI app. find_pool raises UnavailableError until the workers run."""
    routes: list[BaseRoute] = [
        Route(path, ReadEndpoint(name, find_pool, figures), methods=[method])
        for method, paths in (("GET", ENDPOINTS), ("POST", POSTS))
        for path, name in paths.items()
    ]
    routes.extend(health_routes(find_missing, figures.registry))
    return TraceMiddleware(ErrorMiddleware(Router(routes, redirect_slashes=False, default=_refuse_path)))


def share_listeners(query: ASGIApp, receiver: ASGIApp, receiver_port: int) -> ASGIApp:
    """One app for both listeners: requests that came in at receiver_port go to the receiver."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_receiver = scope["type"] == "http" and scope["server"] is not None and scope["server"][1] == receiver_port
        await (receiver if is_receiver else query)(scope, receive, send)

    return app


async def _refuse_path(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await PlainTextResponse("404 page not found\n", 404)(scope, receive, send)

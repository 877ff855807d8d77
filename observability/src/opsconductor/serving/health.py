"""/ready and /metrics of a role."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from opsconductor.serving.counters import Registry
from opsconductor.serving.errors import RETRY_AFTER_S

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def health_routes(find_missing: Callable[[], str], registry: Registry) -> list[Route]:
    """Routes of /ready and /metrics.

    find_missing: what the role still waits for ("the write-ahead log is being replayed"), "" when it is ready.
    /ready answers 200 "ready", or 503 with what is missing.
    """

    async def ready(_request: Request) -> Response:
        missing = find_missing()
        if missing:
            return PlainTextResponse(f"not ready: {missing}\n", 503, {"Retry-After": str(RETRY_AFTER_S)})
        return PlainTextResponse("ready\n")

    async def metrics(_request: Request) -> Response:
        return PlainTextResponse(registry.render(), media_type=METRICS_TYPE)

    return [Route("/ready", ready, methods=["GET"]), Route("/metrics", metrics, methods=["GET"])]

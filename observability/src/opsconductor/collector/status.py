"""The collector's own HTTP surface: /ready, /metrics and /targets as JSON. Spec: Promtail's HTTP endpoints."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opsconductor.collector.figures import Figures
from opsconductor.collector.shipper import Shipper
from opsconductor.model.paths import unmap_path
from opsconductor.serving.health import health_routes


def make_app(shippers: list[Shipper], figures: Figures, find_missing: Callable[[], str]) -> Starlette:
    """The application."""

    async def targets(_request: Request) -> Response:
        return JSONResponse({"clients": {item.flow.client.key: describe_files(item) for item in shippers}})

    return Starlette(routes=[*health_routes(find_missing, figures.registry), Route("/targets", targets)])


def describe_files(shipper: Shipper) -> list[dict[str, object]]:
    """Each open file: its name, the name it was written under, job, labels, offsets and size in bytes."""
    return [
        {
            "path": unmap_path(source.name),
            "filename": unmap_path(source.position.path),
            "job": source.target.job if source.target else "",
            "labels": source.labels,
            "read": source.read,
            "acknowledged": source.position.offset,
            "size": source.tail.stat().st_size if source.tail else 0,
            "draining": source.draining,
        }
        for source in shipper.flow.registry.open_sources()
    ]


def list_offsets(shippers: list[Shipper]) -> list[tuple[str, int, int]]:
    """(path, bytes read, size) of each file under its own name; the first client's view."""
    flow = shippers[0].flow
    return [
        (unmap_path(source.position.path), source.read, source.tail.stat().st_size)
        for source in flow.registry.open_sources()
        if source.tail and not source.draining
    ]

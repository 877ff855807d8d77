"""`opsconductor run dashboards`: the dashboards role, main port 3001. --config names the provisioning folder."""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from opsconductor.dashboards.api import Api
from opsconductor.dashboards.provisioning import DashboardLibrary, load_datasources
from opsconductor.dashboards.proxy import Proxy
from opsconductor.dashboards.session import Sessions, read_or_make_secret
from opsconductor.model.errors import ConfigError
from opsconductor.model.paths import map_path
from opsconductor.serving.counters import Registry
from opsconductor.serving.errors import ErrorMiddleware
from opsconductor.serving.health import health_routes
from opsconductor.serving.role import RoleOptions
from opsconductor.serving.server import bind_listener, serve
from opsconductor_telemetry import TraceMiddleware, configure, get_logger

DEFAULT_CONFIG, DEFAULT_DATA = Path("config/grafana/provisioning"), "/var/lib/grafana"
PASSWORD_SETTING = "GF_SECURITY_ADMIN_PASSWORD__FILE"  # noqa: S105 - the name of the original's setting

log = get_logger(__name__)


def main(options: RoleOptions) -> int:
    """Serve until SIGTERM."""
    configure("dashboards")
    folder = options.config or DEFAULT_CONFIG
    if not folder.is_dir():
        raise ConfigError(f"cannot read provisioning: {folder} is no folder; pass it with --config", str(folder))
    sources, warnings = load_datasources(folder)
    for warning in warnings:
        log.warning(warning)
    data = options.data or map_path(DEFAULT_DATA)
    password_file = Path(os.environ.get(PASSWORD_SETTING) or data / "admin-password")
    sessions = Sessions(read_or_make_secret(password_file), read_or_make_secret(data / "session-key"))
    proxy = Proxy({one.uid: one for one in sources})
    api = Api(sources, DashboardLibrary(folder), sessions, proxy)
    routes = [*health_routes(lambda: "", Registry()), *api.routes()]
    app = Starlette(
        routes=routes, middleware=[Middleware(ErrorMiddleware), Middleware(GZipMiddleware, minimum_size=1000)]
    )

    async def start() -> None:
        log.info("dashboards ready", sources=len(sources))

    serve(TraceMiddleware(app), bind_listener(options.listen), start=start, stop=proxy.close)
    return 0

"""`opsconductor run dashboards`: the dashboards role, main port 3001. --config names the provisioning folder."""

import os
import sys
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from opsconductor.dashboards.api import Api
from opsconductor.dashboards.protection import HeadersMiddleware
from opsconductor.dashboards.provisioning import DashboardLibrary, load_datasources
from opsconductor.dashboards.proxy import Proxy, SourceTable
from opsconductor.dashboards.session import Sessions, read_or_make_secret
from opsconductor.dashboards.settings import read_settings
from opsconductor.dashboards.tail import TailProxy
from opsconductor.model.errors import ConfigError
from opsconductor.model.paths import map_path
from opsconductor.serving.counters import Registry
from opsconductor.serving.errors import ErrorMiddleware
from opsconductor.serving.health import health_routes
from opsconductor.serving.role import RoleOptions
from opsconductor.serving.server import bind_listener, serve
from opsconductor_telemetry import TraceMiddleware, configure, get_logger

DEFAULT_CONFIG, DEFAULT_DATA = Path("config/grafana/provisioning"), "/var/lib/grafana"
GZIP_FROM_BYTES, GZIP_LEVEL = 1000, 4
BAD_START = 2

log = get_logger(__name__)


def main(options: RoleOptions) -> int:
    """Serve until SIGTERM. Returns 0, or 2 where the provisioning, the data folder or the port cannot be used."""
    try:
        role = _Role(options.config or DEFAULT_CONFIG, options.data or map_path(DEFAULT_DATA))
        listener = bind_listener(options.listen)
        configure("dashboards")
        for warning in role.warnings:
            log.warning("provisioning ignored", reason=warning)
        host, port = listener.getsockname()[:2]
        log.info("listening", **{"server.address": host, "server.port": port})
        serve(TraceMiddleware(role.app), listener, start=role.start, stop=role.stop)
    except ConfigError as error:
        print(f"opsconductor: {error}", file=sys.stderr)  # noqa: T201 - the terminal is who asked
        return BAD_START
    log.info("stopped")
    return 0


class _Role:
    def __init__(self, folder: Path, data: Path) -> None:
        if not folder.is_dir():
            raise ConfigError(f"cannot read provisioning: {folder} is no folder; pass it with --config DIR")
        settings = read_settings(os.environ)
        sources, self.warnings = load_datasources(folder)
        library = DashboardLibrary(folder)
        self.warnings += library.find_problems()
        if not (settings.static / "index.html").is_file():
            self.warnings.append("the UI was not built; run `make install`")
        password = read_or_make_secret(settings.password_file or data / "admin-password")
        sessions = Sessions(password, read_or_make_secret(data / "session-key"), data / "ended-sessions")
        registry, table = Registry(), SourceTable(sources)
        self.proxy = Proxy(table, settings.timeout_s, registry)
        tails = TailProxy(table, registry)
        api = Api(sources, library, sessions, self.proxy, tails, settings.static, registry)
        layers = [
            Middleware(HeadersMiddleware),
            Middleware(ErrorMiddleware),
            Middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=GZIP_LEVEL),
        ]
        routes = [*health_routes(lambda: "", registry), *api.routes()]
        self.app = Starlette(routes=routes, middleware=layers)

    async def start(self) -> None:
        """Nothing is waited for: ready at once."""

    async def stop(self) -> None:
        """Close connections to the stores."""
        await self.proxy.close()

"""`opsconductor run alerts`: the alerts role, main port 9093."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware

from opsconductor.alerts.api import Api
from opsconductor.alerts.config import AlertsConfig, load_config
from opsconductor.alerts.dispatch import Dispatcher, read_clock
from opsconductor.alerts.mute import Muter
from opsconductor.alerts.notify import Notifier
from opsconductor.alerts.state import State
from opsconductor.model.errors import ConfigError
from opsconductor.model.paths import map_path
from opsconductor.serving.counters import Registry
from opsconductor.serving.errors import ErrorMiddleware
from opsconductor.serving.health import health_routes
from opsconductor.serving.role import RoleOptions
from opsconductor.serving.server import bind_listener, serve
from opsconductor_telemetry import TraceMiddleware, configure, get_logger

DEFAULT_CONFIG, DEFAULT_DATA = Path("config/alertmanager.yml"), "/alertmanager"
TIDY_EVERY_S = 60.0
BAD_START = 2
KEEP_SILENCES = timedelta(hours=120)
"""How long an expired silence stays to be seen. Alertmanager: --data.retention, 120h."""

log = get_logger(__name__)


def main(options: RoleOptions) -> int:
    """Serve until SIGTERM. Returns 0, or 2 where the configuration, the data folder or the port cannot be used."""
    try:
        config = load_config(options.config or DEFAULT_CONFIG)
        listener = bind_listener(options.listen)
        state = State(options.data or map_path(DEFAULT_DATA))
        configure("alerts")
        for warning in config.warnings:
            log.warning("configuration key ignored", reason=warning)
        host, port = listener.getsockname()[:2]
        log.info("listening", **{"server.address": host, "server.port": port})
        role = _Role(config, state, f"http://{options.listen[0]}:{port}")
        serve(TraceMiddleware(role.app), listener, start=role.start, stop=role.stop)
    except ConfigError as error:
        print(f"opsconductor: {error}", file=sys.stderr)  # noqa: T201 - the terminal is who asked
        return BAD_START
    log.info("stopped")
    return 0


class _Role:
    def __init__(self, config: AlertsConfig, state: State, external_url: str) -> None:
        registry = Registry()
        sent = registry.counter("alertmanager_notifications_total", "Attempted notifications.", ("integration",))
        failed = registry.counter("alertmanager_notifications_failed_total", "Failed attempts.", ("integration",))
        registry.gauge("alertmanager_alerts", "Alerts that fire.", self.count_firing)
        self.state = state
        muter = Muter(state, config.inhibitions)
        self.notifier = Notifier(state, external_url, sent, failed)
        self.dispatcher = Dispatcher(config, state, muter, self.notifier)
        api = Api(config, state, muter, self.dispatcher, read_clock(), read_clock)
        self.missing = "the groups are being rebuilt"
        routes = [*health_routes(lambda: self.missing, registry), *api.routes()]
        self.app = Starlette(routes=routes, middleware=[Middleware(ErrorMiddleware)])
        self.tidying: asyncio.Task[None] | None = None

    def count_firing(self) -> float:
        now = read_clock()
        return float(sum(not alert.is_resolved(now) for alert in self.state.alerts.values()))

    async def start(self) -> None:
        self.dispatcher.start()
        self.tidying = asyncio.create_task(self.tidy())
        self.missing = ""

    async def stop(self) -> None:
        if self.tidying is not None:
            self.tidying.cancel()
        await self.dispatcher.stop()
        await self.notifier.close()
        self.state.close()

    async def tidy(self) -> None:
        """Forget alerts that ended and left their groups, and silences that ended long ago."""
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            now = read_clock()
            grouped = {member for group in self.dispatcher.groups.values() for member in group.members}
            ended = [key for key, alert in self.state.alerts.items() if alert.is_resolved(now) and key not in grouped]
            self.state.forget_alerts(ended)
            self.state.forget_silences(
                [key for key, silence in self.state.silences.items() if silence.ends_at + KEEP_SILENCES < now]
            )

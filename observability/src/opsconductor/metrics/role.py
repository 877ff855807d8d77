"""`opsconductor run metrics`: the writer process (port 9090), which scrapes and evaluates rules, and its children.

Ready once the write-ahead logs are replayed and a query worker runs.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from opsconductor.metrics.alerting import AlertSender
from opsconductor.metrics.api import PREFIX, READS, Api
from opsconductor.metrics.compactor import CompactorConfig
from opsconductor.metrics.config import MetricsConfig, load_config
from opsconductor.metrics.ingest import Ingester
from opsconductor.metrics.query_worker import WorkerConfig
from opsconductor.metrics.reading import ReadEndpoint, RuleQuery, read_tenant
from opsconductor.metrics.remote_write import MAX_BODY_BYTES, WriteDecoder
from opsconductor.metrics.rule_manager import RuleManager
from opsconductor.metrics.scrape import Scraper
from opsconductor.metrics.table import EXEMPLARS, SAMPLES
from opsconductor.model.errors import ConfigError, UnavailableError
from opsconductor.model.paths import map_path
from opsconductor.promql.parser import parse
from opsconductor.rules.config import RuleGroup, load_groups
from opsconductor.serving.body import read_body
from opsconductor.serving.children import run_child_when
from opsconductor.serving.counters import Registry
from opsconductor.serving.errors import ErrorMiddleware
from opsconductor.serving.health import health_routes
from opsconductor.serving.role import RoleOptions
from opsconductor.serving.server import bind_listener, serve
from opsconductor.serving.worker_pool import WorkerPool
from opsconductor.storage.append import Append
from opsconductor.storage.clock import CompactionClock
from opsconductor.storage.settings import SECOND_NS, StorageSettings
from opsconductor.storage.writer import Writer
from opsconductor_telemetry import TraceMiddleware, configure, get_logger

DEFAULT_CONFIG, DEFAULT_DATA = Path("config/prometheus.yml"), "/prometheus"
RETENTION_NS = 30 * 86_400 * SECOND_NS
QUERY_THREADS, MAX_WAITING = 4, 100
BAD_START = 2

log = get_logger(__name__)


def main(options: RoleOptions) -> int:
    """Run until SIGTERM. Returns 0, or 2 where the configuration or the listen address cannot be used."""
    try:
        config = load_config(options.config or DEFAULT_CONFIG)
        groups = read_groups(config)
        listener = bind_listener(options.listen)
        configure("metrics")
        for warning in config.warnings:
            log.warning("configuration key ignored", reason=warning)
        host, port = listener.getsockname()[:2]
        role = MetricsRole(config, groups, options.data or map_path(DEFAULT_DATA), f"http://{host}:{port}")
        log.info("listening", **{"server.address": host, "server.port": port})
        serve(role.app, listener, start=role.start, stop=role.stop)
    except ConfigError as error:
        print(f"opsconductor: {error}", file=sys.stderr)  # noqa: T201 - the terminal is who asked
        return BAD_START
    log.info("stopped")
    return 0


def read_groups(config: MetricsConfig) -> list[RuleGroup]:
    """The rule groups of every rule file. Raises ConfigError."""
    found = []
    for path in config.rule_files:
        groups, warnings = load_groups(path, config.evaluation_interval_s, parse)
        found += groups
        for warning in warnings:
            log.warning("configuration key ignored", reason=warning)
    return found


class MetricsRole:
    """The writers, the scraper, the rules and the children."""

    def __init__(self, config: MetricsConfig, groups: list[RuleGroup], data: Path, own_url: str) -> None:
        self._config, self._groups, self._own_url = config, groups, own_url
        self._samples_data, self._exemplars_data = data.resolve() / "samples", data.resolve() / "exemplars"
        self._settings = StorageSettings(retention_ns=RETENTION_NS)
        self._clock = CompactionClock(self._settings)
        registry = Registry()
        self._restarts = registry.counter("opsconductor_children_restarts_total", "Children restarted.", ("child",))
        self._written = registry.counter("prometheus_remote_storage_samples_in_total", "Samples of remote writes.")
        registry.gauge("prometheus_target_scrape_pool_targets", "Targets.", self._count_targets)
        registry.gauge("opsconductor_metrics_backlog_bytes", "Write-ahead log that waits.", self._read_backlog)
        worker = WorkerConfig(str(self._samples_data), str(self._exemplars_data), QUERY_THREADS)
        self._pool = WorkerPool(
            "opsconductor.metrics.query_worker",
            worker,
            threads=QUERY_THREADS,
            count=1,
            max_waiting=MAX_WAITING,
            restarts=self._restarts,
        )
        self._samples: Writer | None = None
        self._exemplars: Writer | None = None
        self._scraper: Scraper | None = None
        self._rules: RuleManager | None = None
        self._compactor: asyncio.Task[None] | None = None
        self._decoder = WriteDecoder()
        self._decoding = ThreadPoolExecutor(1, "decode")  # one thread: the decoder remembers series
        api = Api(config, self._find_scraper, self._find_rules)
        reads = [
            Route(f"{PREFIX}/{name}", ReadEndpoint(name, self._find_pool), methods=["GET", "POST"]) for name in READS
        ]
        routes = [
            *reads,
            Route(f"{PREFIX}/write", self.write, methods=["POST"]),
            *api.routes(),
            *health_routes(self._find_missing, registry),
        ]
        ready = health_routes(self._find_missing, registry)[0]
        routes.append(Route("/-/ready", ready.endpoint, methods=["GET", "HEAD"]))
        self.app = TraceMiddleware(ErrorMiddleware(Router(routes, redirect_slashes=False)))

    async def start(self) -> None:
        """Replay the write-ahead logs, start the children, then scrape and evaluate."""
        self._pool.start()
        samples, exemplars = await asyncio.gather(
            asyncio.to_thread(self._open, self._samples_data), asyncio.to_thread(self._open, self._exemplars_data)
        )
        self._samples, self._exemplars = samples, exemplars
        compactor = CompactorConfig(str(self._samples_data), str(self._exemplars_data), RETENTION_NS)
        self._compactor = asyncio.create_task(
            run_child_when(
                self._is_compaction_due, "compactor", "opsconductor.metrics.compactor", compactor, self._restarts
            )
        )
        ingester = Ingester(samples, exemplars)
        self._scraper = Scraper(self._config.jobs, ingester)
        sender = AlertSender(self._config.alert_urls, self._config.external_labels, self._own_url)
        self._rules = RuleManager(self._groups, RuleQuery(self._find_pool), ingester.store_vector, sender)
        self._scraper.start()
        self._rules.start()

    def _open(self, data: Path) -> Writer:
        table = SAMPLES if data == self._samples_data else EXEMPLARS
        try:
            return Writer.open(data, table, self._settings)
        except OSError as error:
            raise ConfigError(
                f"cannot use the data folder {data}: {error.strerror}; make it writable for this user,"
                " or choose another with --data DIR"
            ) from error

    async def stop(self) -> None:
        """End scrapes and rules, the children, then the writers; what was acknowledged is on disk already."""
        stopping = [one.stop() for one in (self._scraper, self._rules, self._pool) if one is not None]
        if self._compactor is not None:
            self._compactor.cancel()
            stopping.append(_wait(self._compactor))
        await asyncio.gather(*stopping, return_exceptions=True)
        self._decoding.shutdown(cancel_futures=True)
        for writer in (self._samples, self._exemplars):
            if writer is not None:
                await asyncio.to_thread(writer.close)

    async def write(self, request: Request) -> Response:
        """Remote write 1.0; always on. 204 once it is durable."""
        if self._samples is None:
            raise UnavailableError("cannot store yet: the write-ahead log is being replayed; try again")
        body = await read_body(request.scope, request.receive, MAX_BODY_BYTES, "the body of a remote write")
        tenant = read_tenant(request.headers)
        loop = asyncio.get_running_loop()
        decoded = await loop.run_in_executor(self._decoding, self._decoder.decode, body)
        if decoded.rows.num_rows:
            await asyncio.wrap_future(self._samples.append(Append(tenant, decoded.rows, decoded.series)))
        self._written.add(decoded.rows.num_rows)
        return Response(status_code=204)

    def _is_compaction_due(self) -> bool:
        return self._clock.is_due(int(self._read_backlog()))

    def _find_pool(self) -> WorkerPool:
        if self._samples is None:
            raise UnavailableError("cannot query yet: the write-ahead log is being replayed; try again")
        return self._pool

    def _find_scraper(self) -> Scraper:
        if self._scraper is None:
            raise UnavailableError("cannot show targets yet: the role is starting; try again")
        return self._scraper

    def _find_rules(self) -> RuleManager:
        if self._rules is None:
            raise UnavailableError("cannot show rules yet: the role is starting; try again")
        return self._rules

    def _find_missing(self) -> str:
        if self._samples is None:
            return "the write-ahead log is being replayed"
        return "" if self._pool.has_answered else "the query worker is starting"

    def _count_targets(self) -> float:
        return float(len(self._scraper.targets)) if self._scraper else 0.0

    def _read_backlog(self) -> float:
        return float(self._samples.backlog_bytes) if self._samples else 0.0


async def _wait(task: "asyncio.Task[None]") -> None:
    await asyncio.gather(task, return_exceptions=True)

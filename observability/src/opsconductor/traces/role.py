"""`opsconductor run traces`: the writer process, which owns the three ports, and its children.

Ready once the write-ahead log is replayed and a query worker runs.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from opsconductor.model.errors import ConfigError, UnavailableError
from opsconductor.serving.children import run_child_when
from opsconductor.serving.role import RoleOptions
from opsconductor.serving.server import bind_listener, serve
from opsconductor.serving.worker_pool import WorkerPool
from opsconductor.storage.clock import CompactionClock
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.writer import Writer
from opsconductor.traces.api import make_app, share_listeners
from opsconductor.traces.compactor import CompactorConfig
from opsconductor.traces.config import DEFAULT_FILE, TracesConfig, load_config
from opsconductor.traces.figures import make_figures
from opsconductor.traces.grpc_receiver import GrpcReceiver
from opsconductor.traces.http_receiver import HttpReceiver
from opsconductor.traces.ingest import Ingest
from opsconductor.traces.table import SPANS
from opsconductor.traces.worker_config import WorkerConfig
from opsconductor_telemetry import configure, get_logger

GRPC, HTTP = "otlp-grpc", "otlp-http"
DEFAULT_GRPC: Final = ("127.0.0.1", 4317)
DEFAULT_HTTP: Final = ("127.0.0.1", 4318)

QUERY_THREADS: Final = 4
MAX_WAITING: Final = 100
"""Queries that wait for a thread; beyond, 429."""

QUERY_MEMORY_BYTES: Final = 512 << 20
"""DuckDB's limit in the query worker; beyond it, a query spills to disk or fails alone."""

QUERY_WORKER: Final = "opsconductor.traces.query_worker"
COMPACTOR: Final = "opsconductor.traces.compactor"
BAD_START: Final = 2

log = get_logger(__name__)


def main(options: RoleOptions) -> int:
    """Run until SIGTERM. Returns 0, or 2 where the configuration or a listen address cannot be used."""
    try:
        config = load_config(options.config or DEFAULT_FILE)
        os.environ.setdefault("LOG_LEVEL", "warning" if config.log_level == "warn" else config.log_level)
        query = bind_listener(options.listen)
        http = bind_listener(options.extra.get(HTTP, DEFAULT_HTTP))
        role = TracesRole(config, options.data or config.data, options.extra.get(GRPC, DEFAULT_GRPC))
        configure("traces")
        for warning in config.warnings:
            log.warning("configuration key ignored", reason=warning)
        host, port = query.getsockname()[:2]
        http_port = http.getsockname()[1]
        listening = {"server.address": host, "server.port": port, HTTP: http_port, GRPC: role.grpc.port}
        log.info("listening", **listening)
        app = share_listeners(role.app, role.http, http_port)
        serve(app, query, start=role.start, stop=role.stop, others=[http])
    except ConfigError as error:
        print(f"opsconductor: {error}", file=sys.stderr)  # noqa: T201 - the terminal is who asked
        return BAD_START
    log.info("stopped")
    return 0


class TracesRole:
    """The writer, its receivers and its children. Raises ListenError for the gRPC address."""

    def __init__(self, config: TracesConfig, data: Path, grpc: tuple[str, int]) -> None:
        self._data = data.resolve()
        self._settings = StorageSettings(retention_ns=config.retention_ns)
        self._clock = CompactionClock(self._settings)
        self._figures = make_figures()
        self._ingest = Ingest(config.retention_ns, self._figures)
        self.http = HttpReceiver(self._ingest, config.http_limit, self._figures)
        self.grpc = GrpcReceiver(self._ingest, grpc, config.grpc_limit, self._figures)
        self._pool = WorkerPool(
            QUERY_WORKER,
            WorkerConfig(str(self._data), QUERY_THREADS, QUERY_MEMORY_BYTES),
            threads=QUERY_THREADS,
            count=1,
            max_waiting=MAX_WAITING,
            restarts=self._figures.restarts,
        )
        self._compactor: asyncio.Task[None] | None = None
        self.app = make_app(self._find_pool, self._find_missing, self._figures)
        self._add_gauges()

    async def start(self) -> None:
        """Replay the write-ahead log while the query worker starts; the compactor needs the writer's folder."""
        self._pool.start()
        self.grpc.start()
        try:
            writer = await asyncio.to_thread(Writer.open, self._data, SPANS, self._settings)
        except OSError as error:
            raise ConfigError(
                f"cannot use the data folder {self._data}: {error.strerror}; make it writable for this user,"
                " or choose another with --data DIR"
            ) from error
        self._ingest.writer = writer
        config = CompactorConfig(str(self._data), self._settings.retention_ns)
        self._compactor = asyncio.create_task(
            run_child_when(self._is_compaction_due, "compactor", COMPACTOR, config, self._figures.restarts)
        )

    async def stop(self) -> None:
        """End the receivers and the children, then the writer; what was acknowledged is on disk already."""
        await asyncio.to_thread(self.grpc.stop)
        self.http.close()
        stopping = [asyncio.create_task(self._pool.stop())]
        if self._compactor is not None:
            self._compactor.cancel()
            stopping.append(self._compactor)
        await asyncio.gather(*stopping, return_exceptions=True)
        if self._ingest.writer is not None:
            await asyncio.to_thread(self._ingest.writer.close)

    def _is_compaction_due(self) -> bool:
        return self._clock.is_due(self._read_backlog())

    def _find_pool(self) -> WorkerPool:
        if self._ingest.writer is None:
            raise UnavailableError("cannot query yet: the write-ahead log is being replayed; try again")
        return self._pool

    def _find_missing(self) -> str:
        if self._ingest.writer is None:
            return "the write-ahead log is being replayed"
        return "" if self._pool.has_answered else "the query worker is starting"

    def _read_backlog(self) -> int:
        return self._ingest.writer.backlog_bytes if self._ingest.writer else 0

    def _add_gauges(self) -> None:
        gauge = self._figures.registry.gauge
        gauge("opsconductor_traces_query_workers", "Query workers that run.", lambda: self._pool.alive)
        gauge("opsconductor_traces_running_queries", "Answers under way.", lambda: self._pool.running)
        gauge("opsconductor_traces_waiting_queries", "Queries that wait for a thread.", lambda: self._pool.waiting)
        gauge(
            "opsconductor_traces_backlog_bytes", "Write-ahead log that waits for the compactor.", self._read_backlog
        )

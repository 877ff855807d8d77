"""`opsconductor run logs`: the writer process, which owns the port, and its children.

Ready once the write-ahead log is replayed and a query worker runs.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from opsconductor.logs.api import make_app
from opsconductor.logs.compactor import CompactorConfig
from opsconductor.logs.config import DEFAULT_FILE, LogsConfig, load_config
from opsconductor.logs.figures import make_figures
from opsconductor.logs.ingest import PushEndpoint
from opsconductor.logs.table import LOGS
from opsconductor.logs.tailing import TailEndpoint
from opsconductor.logs.worker_config import WorkerConfig
from opsconductor.model.errors import ConfigError, UnavailableError
from opsconductor.serving.children import run_child_when
from opsconductor.serving.role import RoleOptions
from opsconductor.serving.server import bind_listener, serve
from opsconductor.serving.worker_pool import WorkerPool
from opsconductor.storage.clock import CompactionClock
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.writer import Writer
from opsconductor_telemetry import configure, get_logger

QUERY_WORKERS: Final = 1
QUERY_MEMORY_BYTES: Final = 512 << 20
"""DuckDB's limit in a query worker; beyond it, a query spills to disk or fails alone."""

QUERY_WORKER: Final = "opsconductor.logs.query_worker"
COMPACTOR: Final = "opsconductor.logs.compactor"
BAD_START: Final = 2

log = get_logger(__name__)


def main(options: RoleOptions) -> int:
    """Run until SIGTERM. Returns 0, or 2 where the configuration or the listen address cannot be used."""
    try:
        config = load_config(options.config or DEFAULT_FILE)
        os.environ.setdefault("LOG_LEVEL", "warning" if config.log_level == "warn" else config.log_level)
        listener = bind_listener(options.listen)
        configure("logs")
        for warning in config.warnings:
            log.warning("configuration key ignored", reason=warning)
        role = LogsRole(config, options.data or config.path_prefix)
        host, port = listener.getsockname()[:2]
        log.info("listening", **{"server.address": host, "server.port": port})
        serve(role.app, listener, start=role.start, stop=role.stop, drain=role.tail.close)
    except ConfigError as error:
        print(f"opsconductor: {error}", file=sys.stderr)  # noqa: T201 - the terminal is who asked
        return BAD_START
    log.info("stopped")
    return 0


class LogsRole:
    """The writer, its endpoints and its children."""

    def __init__(self, config: LogsConfig, data: Path) -> None:
        self._data = data.resolve()
        self._settings = StorageSettings(retention_ns=config.retention_ns)
        self._clock = CompactionClock(self._settings)
        self._figures = make_figures()
        self._push = PushEndpoint(config, self._figures)
        self._writer: Writer | None = None
        self._pool = WorkerPool(
            QUERY_WORKER,
            _worker_config(config, self._data),
            threads=config.max_concurrent,
            count=QUERY_WORKERS,
            max_waiting=config.max_outstanding_per_tenant,
            restarts=self._figures.restarts,
        )
        self._compactor: asyncio.Task[None] | None = None
        self.tail = TailEndpoint(config, self._find_pool, self._figures)
        self.app = make_app(config, self._push, self.tail, self._find_pool, self._find_missing, self._figures)
        self._add_gauges()

    async def start(self) -> None:
        """Replay the write-ahead log while the query workers start; the compactor needs the writer's folder."""
        self._pool.start()
        try:
            self._writer = await asyncio.to_thread(Writer.open, self._data, LOGS, self._settings)
        except OSError as error:
            raise ConfigError(
                f"cannot use the data folder {self._data}: {error.strerror}; make it writable for this user,"
                " or choose another with --data DIR"
            ) from error
        self._push.writer = self._writer
        config = CompactorConfig(str(self._data), self._settings.retention_ns)
        self._compactor = asyncio.create_task(
            run_child_when(self._is_compaction_due, "compactor", COMPACTOR, config, self._figures.restarts)
        )

    async def stop(self) -> None:
        """End the children, then the writer; what was acknowledged is on disk already."""
        self._push.close()
        stopping = [asyncio.create_task(self._pool.stop())]
        if self._compactor is not None:
            self._compactor.cancel()
            stopping.append(self._compactor)
        await asyncio.gather(*stopping, return_exceptions=True)
        if self._writer is not None:
            await asyncio.to_thread(self._writer.close)

    def _is_compaction_due(self) -> bool:
        return self._clock.is_due(self._read_backlog())

    def _find_pool(self) -> WorkerPool:
        if self._writer is None:
            raise UnavailableError("cannot query yet: the write-ahead log is being replayed; try again")
        return self._pool

    def _find_missing(self) -> str:
        if self._writer is None:
            return "the write-ahead log is being replayed"
        return "" if self._pool.has_answered else "the query worker is starting"

    def _read_backlog(self) -> int:
        return self._writer.backlog_bytes if self._writer else 0

    def _add_gauges(self) -> None:
        gauge = self._figures.registry.gauge
        gauge("opsconductor_logs_query_workers", "Query workers that run.", lambda: self._pool.alive)
        gauge("opsconductor_logs_running_queries", "Answers under way, tails included.", lambda: self._pool.running)
        gauge("opsconductor_logs_waiting_queries", "Queries that wait for a worker.", lambda: self._pool.waiting)
        gauge("opsconductor_logs_backlog_bytes", "Write-ahead log that waits for the compactor.", self._read_backlog)
        gauge("opsconductor_logs_open_tails", "Live tails.", lambda: self.tail.open)


def _worker_config(config: LogsConfig, data: Path) -> WorkerConfig:
    return WorkerConfig(
        data=str(data),
        threads=config.max_concurrent,
        memory_bytes=QUERY_MEMORY_BYTES,
        max_entries=config.limits.max_entries_limit_per_query,
        max_series=config.limits.max_query_series,
        max_length_ns=config.limits.max_query_length,
    )

"""`opsconductor run collector`: reads promtail.yml, composes a shipper a client, serves status until SIGTERM."""

import asyncio
import fcntl
import os
import resource
import signal
import sys
import traceback
from pathlib import Path

from opsconductor.collector.config import CollectorConfig
from opsconductor.collector.config_file import read_config
from opsconductor.collector.figures import Figures
from opsconductor.collector.flow import Flow
from opsconductor.collector.push import Pusher
from opsconductor.collector.shipper import Shipper
from opsconductor.collector.status import list_offsets, make_app
from opsconductor.model.errors import ConfigError
from opsconductor.serving.role import RoleOptions
from opsconductor.serving.server import bind_listener, serve
from opsconductor_telemetry import configure, get_logger

DEFAULT_CONFIG = Path("config/promtail.yml")
BAD_START = 2

log = get_logger(__name__)


def main(options: RoleOptions) -> int:
    """Run until SIGTERM. Returns 0, or 2 where the file, the data folder or the listen address cannot be used."""
    try:
        failed = _run(options)
    except ConfigError as error:
        print(f"opsconductor: {error}", file=sys.stderr)  # noqa: T201 - the terminal is who asked
        return BAD_START
    log.info("stopped")
    return 1 if failed else 0


def _run(options: RoleOptions) -> bool:
    """Serve until the end; whether a client's task failed, so that the supervisor starts the collector anew."""
    figures = Figures()
    config = read_config(options.config or DEFAULT_CONFIG, lambda reason: figures.stage_dropped.add(1, reason))
    data = options.data or config.positions.parent
    lock = _prepare_folder(data)
    listener = bind_listener(options.listen)
    try:
        composition = _Composition(config, data, figures)
        os.environ.setdefault("LOG_LEVEL", config.log_level)
        configure("collector")
        for warning in config.warnings:
            log.warning("configuration key ignored", reason=warning)
        _raise_file_limit()
        host, port = listener.getsockname()[:2]
        log.info("listening", **{"server.address": host, "server.port": port})
        app = make_app(composition.shippers, figures, composition.find_missing)
        serve(app, listener, start=composition.start, stop=composition.stop)
        return composition.failed
    finally:
        listener.close()
        os.close(lock)


class _Composition:
    """The shippers and their tasks."""

    def __init__(self, config: CollectorConfig, data: Path, figures: Figures) -> None:
        self._config, self._figures = config, figures
        self._flows = [Flow(config, client, data / client.key, figures) for client in config.clients]
        self.shippers: list[Shipper] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.failed = False
        figures.watch_files(lambda: list_offsets(self.shippers) if self.shippers else [])

    def find_missing(self) -> str:
        """What is not ready yet."""
        return "" if self.shippers and all(shipper.ready for shipper in self.shippers) else "files are being found"

    async def start(self) -> None:
        """Start a task a client."""
        for flow in self._flows:
            pusher = Pusher(flow.client, self._figures)
            self.shippers.append(Shipper(flow, pusher, self._figures, self._config.sync_period))
        self._tasks = [asyncio.create_task(shipper.run()) for shipper in self.shippers]
        for task in self._tasks:
            task.add_done_callback(self._notice_failure)

    async def stop(self) -> None:
        """Stop the tasks; each has a bound of its own."""
        for shipper in self.shippers:
            shipper.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _notice_failure(self, task: asyncio.Task[None]) -> None:
        """End the process where a task ended by an error: a collector that is up must collect."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            trace = "".join(traceback.format_exception(error))
            log.critical("stopping: a client's task failed", **{"exception.stacktrace": trace})
            self.failed = True
            signal.raise_signal(signal.SIGTERM)


def _prepare_folder(data: Path) -> int:
    """The descriptor that holds the folder's lock. Raises ConfigError."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"cannot write to {data}: {error.strerror}; choose a folder with --data that this user may write to"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise ConfigError(
            f"cannot use {data}: another collector runs with it; stop that one or choose another folder with --data"
        ) from error
    return lock


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

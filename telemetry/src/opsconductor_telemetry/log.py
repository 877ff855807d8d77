"""Logging of a service: loggers that take fields, and JSON lines of every logger of the process.

    log = get_logger(__name__)
    log.info("login succeeded", **{"user.name": "ada"})

Every logger of the process (uvicorn's, libraries', warnings, uncaught exceptions) writes the same lines.
"""

import logging
import os
import sys
import threading
from types import TracebackType

from opsconductor_telemetry.errors import TelemetryError
from opsconductor_telemetry.lines import encode_record
from opsconductor_telemetry.sink import Sink

STDOUT = 1
QUIET = ("httpx", "httpcore", "asyncio")
"""Libraries whose lines below "warning" say what our own lines say, or nothing."""

_service = ""
_sink: Sink | None = None


class Logger:
    """A standard logger whose lines carry fields.

    The message is a constant sentence, what varies goes into fields: log.info("run started", run_id=7). Names with
    dots are passed as **{"user.name": name}. Values are written as JSON; secrets are redacted by name and form.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, message: str, /, **fields: object) -> None:
        """What only somebody who looks for a fault reads."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, /, **fields: object) -> None:
        """What happened."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, /, **fields: object) -> None:
        """What somebody may have to look at."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, /, **fields: object) -> None:
        """What failed."""
        self._write(logging.ERROR, message, fields)

    def critical(self, message: str, /, **fields: object) -> None:
        """Why the process cannot go on."""
        self._write(logging.CRITICAL, message, fields)

    def exception(self, message: str, /, **fields: object) -> None:
        """As error(), with the exception that is being handled: its type, message and stack trace."""
        self._write(logging.ERROR, message, fields, sys.exception())

    def log(self, level: int, message: str, /, **fields: object) -> None:
        """A line of one of logging's levels."""
        self._write(level, message, fields)

    def _write(self, level: int, message: str, fields: dict[str, object], error: BaseException | None = None) -> None:
        if self._logger.isEnabledFor(level):
            # logging's own log() would walk the stack for the caller's line, which no line of ours shows
            info = None if error is None else (type(error), error, error.__traceback__)
            extra = {"fields": fields}
            name = self._logger.name
            # "%s" keeps logging from reading the message as a format string
            self._logger.handle(self._logger.makeRecord(name, level, "", 0, "%s", (message,), info, extra=extra))


class _LineHandler(logging.Handler):
    """Encodes in the caller's context (trace ids, values as they are now), then only queues."""

    def emit(self, record: logging.LogRecord) -> None:
        if _sink is not None:
            _sink.put(encode_record(record, _service))


def get_logger(name: str) -> Logger:
    """The logger of the module that passes its __name__."""
    return Logger(name)


def start_logging(service: str) -> None:
    """Send every log line of this process to stdout as JSON, under the service's name.

    TelemetryError when LOG_LEVEL is no level.
    """
    global _service, _sink
    level = _read_level()
    _service = service
    if _sink is None:
        _sink = Sink(STDOUT, _report_dropped)
    root = logging.getLogger()
    root.handlers = [_LineHandler()]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def stop_logging(timeout_s: float) -> None:
    """Write what is queued, for at most timeout_s seconds."""
    if _sink is not None:
        _sink.flush(timeout_s)


def _read_level() -> int:
    text = os.environ.get("LOG_LEVEL") or "info"
    levels = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
    if text.lower() not in levels:
        raise TelemetryError(f'cannot log at LOG_LEVEL "{text}": write one of {", ".join(levels)}')
    return levels[text.lower()]


def _report_dropped(dropped: int, total: int) -> bytes:
    record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, "log lines dropped", None, None)
    record.fields = {"dropped": dropped, "dropped_total": total}
    return encode_record(record, _service)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        logging.getLogger("uncaught").critical("uncaught exception", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        name = args.thread.name if args.thread else None
        extra = {"fields": {"thread.name": name}}
        info = (args.exc_type, args.exc_value, args.exc_traceback)
        logging.getLogger("uncaught").critical("uncaught exception in a thread", exc_info=info, extra=extra)

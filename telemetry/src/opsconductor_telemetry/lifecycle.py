"""Telemetry of a process from its start to its end."""

import atexit
import time

from opsconductor_telemetry.export import start_export, stop_export
from opsconductor_telemetry.log import start_logging, stop_logging

_registered = False


def configure(service: str) -> None:
    """Write every log line of this process as JSON and export its spans, under the service's name. Call it at start.

    The environment says the rest: LOG_LEVEL (debug, info, warning, error; default info), OTEL_EXPORTER_OTLP_ENDPOINT
    (http://HOST:PORT of a collector; without it there is no export). TelemetryError when one of them is wrong.
    uvicorn is to be run with log_config=None and access_log=False.
    """
    global _registered
    start_logging(service)
    start_export(service)
    if not _registered:
        atexit.register(shutdown)
        _registered = True


def shutdown(timeout_s: float = 2.0) -> None:
    """Send and write what is queued, for at most timeout_s seconds, half of it for spans at most.

    Called at exit by itself; may be called again.
    """
    deadline = time.monotonic() + timeout_s
    stop_export(timeout_s / 2)
    stop_logging(deadline - time.monotonic())

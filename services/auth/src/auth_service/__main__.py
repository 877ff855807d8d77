"""python -m auth_service: serve until SIGTERM.

Status 0 after SIGTERM or SIGINT, 1 when the port is occupied or the start fails, 2 when a setting is wrong.
"""

import os
import signal
import socket
import sys
from types import FrameType

import uvicorn

from auth_service.application import create_application
from auth_service.errors import ListenError, SettingsError
from auth_service.settings import Settings, read_settings
from opsconductor_telemetry import TelemetryError, configure, get_logger, shutdown

GRACE_S = 4
"""Seconds that running requests get after SIGTERM."""

log = get_logger("auth_service")


def main() -> int:
    """Run the service; the process's exit status."""
    # uvicorn restores this handler and raises the signal again after its clean stop
    signal.signal(signal.SIGTERM, _end)
    try:
        configure("auth")
        settings = read_settings(os.environ)
    except (SettingsError, TelemetryError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        listener = _listen(*settings.listen)
    except ListenError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return _serve(settings, listener)


def _serve(settings: Settings, listener: socket.socket) -> int:
    failures: list[BaseException] = []

    def fail(error: BaseException) -> None:
        failures.append(error)
        server.should_exit = True

    config = uvicorn.Config(
        create_application(settings, fail),
        http="httptools",
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # client_address() reads X-Forwarded-For, and only of near peers
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75,  # longer than a proxy keeps its side open
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    for error in failures:
        log.critical("cannot start", error=str(error), **{"error.type": type(error).__name__})
    shutdown()
    return (2 if isinstance(failures[0], SettingsError) else 1) if failures else 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise ListenError(
            f"cannot listen on {host}:{port}: {error.strerror}; set LISTEN, or stop what occupies the port"
        ) from error
    return listener


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m frontend_service`: serves the web UI until SIGTERM."""

import os
import signal
import sys

import uvicorn

import opsconductor_telemetry as telemetry
from frontend_service.application import build_application
from frontend_service.errors import SettingError
from frontend_service.settings import load_settings

STOP_REQUESTS_S = 3
STOP_TELEMETRY_S = 1.0


def main() -> int:
    """The exit code: 0 after SIGTERM or SIGINT, 2 for bad settings, another when the port cannot be served."""
    try:
        telemetry.configure("frontend")
        settings = load_settings(os.environ)
        for url in (settings.auth_url, settings.backend_url):
            telemetry.resolve_url(url)  # a wrong table of addresses is said now, not to every user
        app = build_application(settings)
    except (SettingError, telemetry.TelemetryError) as error:
        sys.stderr.write(f"frontend: {error}\n")
        return 2
    host, port = settings.listen
    server = uvicorn.Server(
        uvicorn.Config(
            telemetry.TraceMiddleware(app),
            host=host,
            port=port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=STOP_REQUESTS_S,
        )
    )
    # uvicorn raises the signal again when it has stopped; with this handler the process then ends with 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    try:
        server.run()
    finally:
        telemetry.shutdown(STOP_TELEMETRY_S)
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())

"""Logs and trace context out of a service: all that a service knows of observability.

configure(service) at start, TraceMiddleware(app) around the ASGI application, http_client() for outgoing HTTP,
inject(carrier) and extract(carrier) for the Redis stream. A line is one JSON object on stdout.
"""

from opsconductor_telemetry.address import resolve_address, resolve_url
from opsconductor_telemetry.context import TraceContext, current_trace_id
from opsconductor_telemetry.errors import TelemetryError
from opsconductor_telemetry.http import http_client
from opsconductor_telemetry.log import Logger, configure, get_logger, shutdown
from opsconductor_telemetry.middleware import TraceMiddleware, client_address
from opsconductor_telemetry.spans import extract, inject, start_span

__all__ = [
    "Logger",
    "TelemetryError",
    "TraceContext",
    "TraceMiddleware",
    "client_address",
    "configure",
    "current_trace_id",
    "extract",
    "get_logger",
    "http_client",
    "inject",
    "resolve_address",
    "resolve_url",
    "shutdown",
    "start_span",
]

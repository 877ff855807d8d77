"""Logs, metrics and traces out of a service: all that a service knows of observability.

configure(service) at start, TraceMiddleware(app) around the ASGI application, MetricsEndpoint() at /metrics,
http_client() for outgoing HTTP, instrument_sqlalchemy(engine) and instrument_redis(client), inject(carrier) and
extract(carrier) for the Redis stream. A line is one JSON object on stdout; spans go to
OTEL_EXPORTER_OTLP_ENDPOINT where that is set.
"""

from opsconductor_telemetry.address import resolve_address, resolve_url
from opsconductor_telemetry.context import TraceContext, current_trace_id
from opsconductor_telemetry.endpoint import MetricsEndpoint
from opsconductor_telemetry.errors import TelemetryError
from opsconductor_telemetry.http import http_client
from opsconductor_telemetry.lifecycle import configure, shutdown
from opsconductor_telemetry.log import Logger, get_logger
from opsconductor_telemetry.metrics import Counter, Gauge, Histogram
from opsconductor_telemetry.middleware import TraceMiddleware, client_address
from opsconductor_telemetry.redis import instrument_redis
from opsconductor_telemetry.spans import Span, extract, inject, start_span
from opsconductor_telemetry.sql import instrument_sqlalchemy

__all__ = [
    "Counter",
    "Gauge",
    "Histogram",
    "Logger",
    "MetricsEndpoint",
    "Span",
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
    "instrument_redis",
    "instrument_sqlalchemy",
    "resolve_address",
    "resolve_url",
    "shutdown",
    "start_span",
]

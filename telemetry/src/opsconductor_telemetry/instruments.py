"""The metrics that telemetry itself keeps: requests in and out, database calls, what it had to drop, the process.

Names and labels are OpenTelemetry's stable HTTP and database metrics, as Prometheus writes them.
"""

from collections.abc import Iterable

from opsconductor_telemetry import process
from opsconductor_telemetry.metrics import REGISTRY, Counter, Gauge, Histogram, Values

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"})
"""The methods of RFC 9110, 5789 and the QUERY draft; any other is counted as _OTHER."""

DATABASE_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""OpenTelemetry's boundaries for db.client.operation.duration, in seconds."""

SERVED = Histogram(
    "http_server_request_duration_seconds",
    "Time from a request to the end of its answer, probes left out.",
    unit="seconds",
    labels=("http_request_method", "http_route", "http_response_status_code"),
)
SERVING = Gauge("http_server_active_requests", "Requests that are being answered.", labels=("http_request_method",))
CALLED = Histogram(
    "http_client_request_duration_seconds",
    "Time from an outgoing request to the head of its answer.",
    unit="seconds",
    labels=("http_request_method", "server_address", "server_port", "http_response_status_code", "error_type"),
)
QUERIED = Histogram(
    "db_client_operation_duration_seconds",
    "Time of a statement, a command or a pipeline.",
    unit="seconds",
    labels=("db_system_name", "db_operation_name", "error_type"),
    bounds=DATABASE_BUCKETS,
)
DROPPED = Counter(
    "telemetry_dropped_total",
    "Log lines and spans that were lost because their reader stalled or was away.",
    labels=("signal",),
)
for _signal in ("logs", "traces"):
    DROPPED.declare(signal=_signal)


def count_folded() -> Iterable[tuple[Values, float]]:
    """Events of each family that found its series used up."""
    return [((name,), family.folded) for name, family in REGISTRY.families.items() if family.folded]


FOLDED = Counter(
    "telemetry_folded_total",
    "Times that a metric with too many series counted into _OTHER.",
    labels=("metric",),
    read=count_folded,
)

CPU = Counter("process_cpu_seconds_total", "CPU time, user and system.", unit="seconds", read=process.measure_cpu)
RESIDENT = Gauge("process_resident_memory_bytes", "Memory in RAM.", unit="bytes", read=process.measure_resident)
VIRTUAL = Gauge("process_virtual_memory_bytes", "Address space.", unit="bytes", read=process.measure_virtual)
START = Gauge("process_start_time_seconds", "Unix time of the start.", unit="seconds", read=process.measure_start)
OPEN = Gauge("process_open_fds", "Open file descriptors.", read=process.count_open)
LIMIT = Gauge("process_max_fds", "Limit of open file descriptors.", read=process.limit_open)


def bound_method(method: str) -> str:
    """The method as a label: one of METHODS or _OTHER."""
    return method if method in METHODS else "_OTHER"

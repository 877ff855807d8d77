"""The role's own figures, as /metrics prints them."""

from dataclasses import dataclass

from opsconductor.serving.counters import Counter, Histogram, Registry


@dataclass(frozen=True)
class Figures:
    """One field a metric; `registry` prints them."""

    registry: Registry
    received_lines: Counter
    received_bytes: Counter
    refused_lines: Counter
    pushes: Counter
    push_seconds: Histogram
    queries: Counter
    query_seconds: Histogram
    restarts: Counter


def make_figures() -> Figures:
    """A fresh set, all zero."""
    registry = Registry()
    return Figures(
        registry=registry,
        received_lines=registry.counter("opsconductor_logs_received_lines_total", "Lines stored.", ("tenant",)),
        received_bytes=registry.counter(
            "opsconductor_logs_received_bytes_total", "Bytes of lines stored.", ("tenant",)
        ),
        refused_lines=registry.counter(
            "opsconductor_logs_refused_lines_total", "Lines refused, by reason.", ("tenant", "reason")
        ),
        pushes=registry.counter("opsconductor_logs_pushes_total", "Pushes by status.", ("status",)),
        push_seconds=registry.histogram(
            "opsconductor_logs_push_duration_seconds", "From the body's arrival to the answer."
        ),
        queries=registry.counter(
            "opsconductor_logs_queries_total", "Reads by endpoint and status.", ("endpoint", "status")
        ),
        query_seconds=registry.histogram(
            "opsconductor_logs_query_duration_seconds", "Until the first byte of the answer.", ("endpoint",)
        ),
        restarts=registry.counter("opsconductor_logs_child_restarts_total", "Children started again.", ("child",)),
    )

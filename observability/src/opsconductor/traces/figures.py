"""The role's own figures, as /metrics prints them."""

from dataclasses import dataclass

from opsconductor.serving.counters import Counter, Histogram, Registry


@dataclass(frozen=True)
class Figures:
    """One field a metric; `registry` prints them."""

    registry: Registry
    received_spans: Counter
    refused_spans: Counter
    requests: Counter
    request_seconds: Histogram
    queries: Counter
    query_seconds: Histogram
    restarts: Counter


def make_figures() -> Figures:
    """A fresh set, all zero."""
    registry = Registry()
    return Figures(
        registry=registry,
        received_spans=registry.counter("opsconductor_traces_received_spans_total", "Spans stored."),
        refused_spans=registry.counter(
            "opsconductor_traces_refused_spans_total", "Spans refused, by reason.", ("reason",)
        ),
        requests=registry.counter(
            "opsconductor_traces_requests_total",
            "Requests of senders by transport and status.",
            ("transport", "status"),
        ),
        request_seconds=registry.histogram(
            "opsconductor_traces_request_duration_seconds", "From arrival to acknowledgement.", ("transport",)
        ),
        queries=registry.counter(
            "opsconductor_traces_queries_total", "Reads by endpoint and status.", ("endpoint", "status")
        ),
        query_seconds=registry.histogram(
            "opsconductor_traces_query_duration_seconds", "Until the first byte of the answer.", ("endpoint",)
        ),
        restarts=registry.counter("opsconductor_traces_child_restarts_total", "Children started again.", ("child",)),
    )

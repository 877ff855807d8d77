"""Spans: units of work with a name, a time and attributes, and carrying their context from process to process.

    with start_span("send report", "producer", **{"messaging.system": "redis"}) as span:
        span.set(size=7)

A span that ends is encoded and queued for the exporter, where there is one and the trace is sampled; its ids are in
every log line either way.
"""

import time
from collections.abc import Iterable, Mapping, MutableMapping
from contextvars import Token
from types import TracebackType
from typing import Literal, Self

from opsconductor_telemetry import export
from opsconductor_telemetry.context import CURRENT, TraceContext, make_child, make_remote_child, make_root
from opsconductor_telemetry.instruments import DROPPED
from opsconductor_telemetry.lines import describe_exception
from opsconductor_telemetry.log import get_logger
from opsconductor_telemetry.otlp import Event, encode_span
from opsconductor_telemetry.traceparent import (
    SAMPLED,
    format_traceparent,
    parse_trace_id,
    parse_traceparent,
    parse_tracestate,
)

Kind = Literal["internal", "server", "client", "producer", "consumer"]

log = get_logger(__name__)


class Span:
    """A unit of work: a context manager, current within its block. An exception that leaves the block fails it."""

    __slots__ = ("_clock_ns", "_events", "_started_ns", "_token", "attributes", "context", "error", "kind", "name")

    def __init__(self, context: TraceContext, name: str, kind: Kind, attributes: dict[str, object]) -> None:
        self.context = context
        self.name = name
        self.kind = kind
        self.attributes = attributes
        self.error: str | None = None
        self._events: list[Event] = []
        self._token: Token[TraceContext | None] | None = None
        self._started_ns = time.time_ns()
        self._clock_ns = time.perf_counter_ns()

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return self.context.trace_id

    @property
    def span_id(self) -> str:
        """16 hex digits."""
        return self.context.span_id

    @property
    def parent_id(self) -> str | None:
        """The span that this one was started by, None at the root."""
        return self.context.parent_id

    @property
    def recorded(self) -> bool:
        """Whether it will be exported, so that attributes are worth their making."""
        return export.active is not None and bool(self.context.flags & SAMPLED)

    def set(self, **attributes: object) -> None:
        """Add attributes, under OpenTelemetry's names where it has one; None is left out. No secrets."""
        self.attributes.update(attributes)

    def fail(self, kind: str, message: str = "") -> None:
        """The work failed; kind becomes error.type: an exception's name or a status."""
        self.attributes["error.type"] = kind
        self.error = message

    def record_exception(self, error: BaseException) -> None:
        """Fail by this exception, which becomes an event; secrets in its texts are redacted."""
        if self.recorded:
            described = describe_exception(error)
            self._events.append(Event("exception", time.time_ns(), described))
            self.fail(str(described["exception.type"]), str(described["exception.message"]))

    def __enter__(self) -> Self:
        self._token = CURRENT.set(self.context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # GeneratorExit and cancellation are how work is called off, not how it fails
        if isinstance(error, Exception):
            self.record_exception(error)
        self.end()
        try:
            if self._token is not None:
                CURRENT.reset(self._token)
        except ValueError:
            pass  # a generator that was closed from another context, whose current span is not ours to change

    def end(self) -> None:
        """Export it. Called by leaving the block; by hand only for a span that never was current."""
        passed_ns = time.perf_counter_ns() - self._clock_ns
        if self.kind != "server":  # which has its request line
            log.debug(
                "span",
                **{
                    "span.name": self.name,
                    "parent_span_id": self.parent_id,
                    "duration_ms": round(passed_ns / 1e6, 3),
                },
            )
        exporter = export.active
        if exporter is None or not self.context.flags & SAMPLED:
            return
        times = self._started_ns, self._started_ns + passed_ns
        try:
            exporter.put(
                encode_span(
                    self.context,
                    self.name,
                    self.kind,
                    times,
                    self.attributes,
                    events=self._events,
                    error=self.error,
                )
            )
        except Exception as error:  # noqa: BLE001 - an attribute's own __str__ may raise anything
            DROPPED.add(signal="traces")
            log.debug("span not encoded", **{"span.name": self.name, "error.type": type(error).__name__})


def start_span(name: str, kind: Kind = "internal", /, **attributes: object) -> Span:
    """A unit of work: a span under the current one, or the root of a new trace where there is none.

    name: of few different values, what varies is an attribute.
    """
    current = CURRENT.get()
    return Span(make_root() if current is None else make_child(current), name, kind, attributes)


def extract(
    carrier: Mapping[str, str], name: str = "process", kind: Kind = "consumer", /, **attributes: object
) -> Span:
    """A span under the one that inject() put into the carrier; keys in lower case.

    Without a valid one it is the root of the trace that `x-trace-id` names, or of a new one.
    """
    parents, states = ([carrier[key]] if key in carrier else [] for key in ("traceparent", "tracestate"))
    return Span(join_trace(parents, states, carrier.get("x-trace-id")), name, kind, attributes)


def inject(carrier: MutableMapping[str, str]) -> None:
    """Put the current context into the carrier (`traceparent`, `tracestate`); nothing where there is none."""
    context = CURRENT.get()
    if context is not None:
        carrier["traceparent"] = format_traceparent(context.trace_id, context.span_id, context.flags)
        if context.state:
            carrier["tracestate"] = context.state


def join_trace(parents: Iterable[str], states: Iterable[str], trace_id: str | None) -> TraceContext:
    """A new span under the caller's context.

    parents, states: all values of `traceparent` and `tracestate`; trace_id: the value of `X-Trace-Id`, which makes
    the root where the caller brought no valid traceparent.
    """
    parent = parse_traceparent(parents)
    if parent is not None:
        return make_remote_child(parent, parse_tracestate(states))
    return make_root(parse_trace_id(trace_id))

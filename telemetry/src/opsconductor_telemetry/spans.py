"""Starting spans, and carrying the context into and out of messages (HTTP headers, entries of a Redis stream)."""

import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager

from opsconductor_telemetry.context import CURRENT, TraceContext, make_child, make_remote_child, make_root
from opsconductor_telemetry.log import get_logger
from opsconductor_telemetry.traceparent import (
    format_traceparent,
    parse_trace_id,
    parse_traceparent,
    parse_tracestate,
)

log = get_logger(__name__)


@contextmanager
def start_span(name: str) -> Iterator[TraceContext]:
    """A unit of work: a new span under the current context, or the root of a new trace where there is none."""
    current = CURRENT.get()
    with use_context(make_root() if current is None else make_child(current)) as context:
        started = time.perf_counter()
        try:
            yield context
        finally:
            duration_ms = round((time.perf_counter() - started) * 1000, 3)
            log.debug("span", **{"span.name": name, "parent_span_id": context.parent_id, "duration_ms": duration_ms})


@contextmanager
def use_context(context: TraceContext) -> Iterator[TraceContext]:
    """Run a block in the given context."""
    token = CURRENT.set(context)
    try:
        yield context
    finally:
        CURRENT.reset(token)


@contextmanager
def extract(carrier: Mapping[str, str]) -> Iterator[TraceContext]:
    """Run a block as a child of the context that inject() put into the carrier; keys in lower case.

    Without a valid one the block is the root of the trace that `x-trace-id` names, or of a new one.
    """
    parents, states = ([carrier[key]] if key in carrier else [] for key in ("traceparent", "tracestate"))
    with use_context(join_trace(parents, states, carrier.get("x-trace-id"))) as context:
        yield context


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

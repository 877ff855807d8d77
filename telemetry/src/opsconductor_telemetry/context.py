"""The current trace context: which trace and which span the running code belongs to.

It lives in a context variable: asyncio tasks inherit it and do not disturb each other, asyncio.to_thread() and
Starlette's thread pool pass it on. A thread started by hand has none.
"""

import random
from contextvars import ContextVar
from dataclasses import dataclass, replace

from opsconductor_telemetry.traceparent import SAMPLED, Parent


@dataclass(frozen=True, slots=True)
class TraceContext:
    """trace_id 32 and span_id 16 lower-case hex digits; flags and state (tracestate) as the caller sent them.

    parent_id is the span that this one was started by, None at the root.
    """

    trace_id: str
    span_id: str
    flags: int = SAMPLED
    state: str = ""
    parent_id: str | None = None


CURRENT: ContextVar[TraceContext | None] = ContextVar("opsconductor_trace_context", default=None)


def current_trace_id() -> str | None:
    """The trace id of the running request or unit of work, 32 hex digits; None outside of one."""
    context = CURRENT.get()
    return None if context is None else context.trace_id


def make_root(trace_id: str | None = None) -> TraceContext:
    """A context without a parent, of the given trace or of a new random one."""
    return TraceContext(trace_id or _make_id(128), _make_id(64))


def make_child(parent: TraceContext) -> TraceContext:
    """A new span under a span of this process."""
    return replace(parent, span_id=_make_id(64), parent_id=parent.span_id)


def make_remote_child(parent: Parent, state: str) -> TraceContext:
    """A new span under a span of another process."""
    return TraceContext(parent.trace_id, _make_id(64), parent.flags, state, parent.span_id)


def _make_id(bits: int) -> str:
    """Random and not zero, which the specification forbids. Ids are names, not secrets."""
    return f"{random.getrandbits(bits) or 1:0{bits // 4}x}"

"""The ASGI middleware: for every request a trace context, one line, an observation and a server span."""

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from opsconductor_telemetry.context import TraceContext
from opsconductor_telemetry.instruments import SERVED, SERVING, bound_method
from opsconductor_telemetry.lines import describe_exception
from opsconductor_telemetry.log import get_logger
from opsconductor_telemetry.spans import Span, join_trace
from opsconductor_telemetry.traceparent import SAMPLED

# ASGI's own types: messages are dictionaries of anything
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PROBES = frozenset({"/health", "/ready", "/metrics"})
"""Paths that supervisors and scrapers ask every few seconds. Asked within a trace they are requests as any other."""

NEAR = tuple(
    ip_network(text)
    for text in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
)
"""Loopback and private networks, where a proxy of ours may stand (RFC 1918, 4193, 4291)."""

CLIENT_LEFT = 499
"""Nginx's status of a request whose client went away before the answer; nobody failed."""

log = get_logger("opsconductor_telemetry.request")


class TraceMiddleware:
    """Wrap it around the whole application: app = TraceMiddleware(FastAPI()).

    The root of the trace is the client's `traceparent`, else `X-Trace-Id` (Nginx's request id), else random; the
    answer carries `X-Trace-Id`. One line "request" per request: OpenTelemetry's http.request.method, http.route,
    url.path, http.response.status_code, client.address, and duration_ms. An exception that leaves the application
    is part of that line and of the span.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method = bound_method(scope["method"])
        with Span(_read_context(scope), method, "server", {}) as span:
            SERVING.add(1, http_request_method=method)
            try:
                await _Exchange(scope, span, send).run(self.app, receive)
            finally:
                SERVING.add(-1, http_request_method=method)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, span: Span, send: Send) -> None:
        self.scope = scope
        self.span = span
        self.method = bound_method(scope["method"])
        self.probed = is_probe(scope, span.context)
        self.forward = send
        self.status = 500
        self.answering = self.complete = False
        self.started = time.perf_counter()

    async def run(self, app: Application, receive: Receive) -> None:
        async def watch() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect" and not self.answering:
                self.status = CLIENT_LEFT
            return message

        try:
            await app(self.scope, watch, self.send)
        except Exception as error:
            self.tell(describe_exception(error))
            # A framework has answered 500 and raises only for the server's log, which is this line.
            if not self.complete:
                raise
            self.span.record_exception(error)
        else:
            self.tell({})

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.answering = message["status"], True
            message["headers"] = [*message.get("headers", ()), (b"x-trace-id", self.span.trace_id.encode())]
        elif message["type"] == "http.response.body":
            self.complete = not message.get("more_body", False)
        await self.forward(message)

    def choose_level(self, *, failed: bool) -> int:
        if failed:
            return logging.ERROR
        if self.probed:
            return logging.DEBUG if self.status < 400 else logging.WARNING
        return logging.INFO if self.status < 500 else logging.ERROR

    def tell(self, exception: dict[str, object]) -> None:
        """The request's line, its observation and its span's attributes."""
        scope = self.scope
        passed_s = time.perf_counter() - self.started
        route, address = _read_route(scope), client_address(scope)
        fields = {
            "http.request.method": scope["method"],
            "http.route": route,
            "url.path": scope["path"],
            "http.response.status_code": self.status,
            "duration_ms": round(passed_s * 1000, 3),
            "client.address": address,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        log.log(self.choose_level(failed=bool(exception)), "request", **given, **exception)
        if not self.probed:
            SERVED.observe(
                passed_s,
                http_request_method=self.method,
                http_route=route or "",
                http_response_status_code=str(self.status),
            )
        if self.span.recorded:
            self.describe(route, address)

    def describe(self, route: str | None, address: str | None) -> None:
        """Spec: OpenTelemetry's HTTP server spans. Only 5xx is a failure of this side."""
        scope, method = self.scope, self.method
        agents = _read_headers(scope, b"user-agent")
        self.span.set(
            **{
                "http.request.method": method,
                "http.request.method_original": None if method == scope["method"] else scope["method"],
                "http.route": route,
                "url.path": scope["path"],
                "url.scheme": scope.get("scheme", "http"),
                "http.response.status_code": self.status,
                "client.address": address,
                "user_agent.original": agents[0] if agents else None,
            }
        )
        if self.status >= 500:
            self.span.fail(str(self.status))
        if route:
            self.span.name = f"{method} {route}"


def is_probe(scope: Scope, context: TraceContext) -> bool:
    """Whether a supervisor or a scraper asks: then there is no span, no observation and only a debug line."""
    return scope["path"] in PROBES and context.parent_id is None


def client_address(scope: Scope) -> str | None:
    """The address of who sent the request; None where the server does not know.

    The last hop of X-Forwarded-For counts where the peer is on loopback or a private network (Nginx): a client's
    own header cannot replace it.
    """
    peer = scope.get("client")
    if not peer:
        return None
    if _is_near(peer[0]):
        hop = ",".join(_read_headers(scope, b"x-forwarded-for")).rpartition(",")[2].strip()
        if _parse(hop):
            return hop
    return str(peer[0])


@lru_cache(4096)
def _is_near(host: str) -> bool:
    address = _parse(host)
    return address is not None and any(address in network for network in NEAR)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # a dual-stack listener sees IPv4 peers as ::ffff:a.b.c.d
    return getattr(address, "ipv4_mapped", None) or address


def _read_route(scope: Scope) -> str | None:
    """The route's template, such as /api/auth/users/{user_id}; None where no route matched.

    FastAPI keeps the template of an included router's route, prefix and all, apart from scope["route"].
    """
    included = scope.get("fastapi", {}).get("effective_route_context")
    for route in (included, scope.get("route")):
        path = getattr(route, "path", None)
        if isinstance(path, str) and path:
            return path
    return None


def _read_context(scope: Scope) -> TraceContext:
    trace_ids = _read_headers(scope, b"x-trace-id")
    trace_id = trace_ids[0] if len(trace_ids) == 1 else None
    context = join_trace(_read_headers(scope, b"traceparent"), _read_headers(scope, b"tracestate"), trace_id)
    return replace(context, flags=context.flags & ~SAMPLED) if is_probe(scope, context) else context


def _read_headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]

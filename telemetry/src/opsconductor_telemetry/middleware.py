"""The ASGI middleware: a trace context for every request, and one line about it."""

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from opsconductor_telemetry.context import TraceContext
from opsconductor_telemetry.lines import describe_exception
from opsconductor_telemetry.log import get_logger
from opsconductor_telemetry.spans import join_trace, use_context

# ASGI's own types: messages are dictionaries of anything
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PROBES = frozenset({"/health", "/ready", "/metrics"})
"""Paths that supervisors ask every second: their good answers are logged at "debug" where nobody traces them."""

NEAR = tuple(
    ip_network(text)
    for text in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
)
"""Loopback and private networks, where a proxy of ours may stand (RFC 1918, 4193, 4291)."""

log = get_logger("opsconductor_telemetry.request")


class TraceMiddleware:
    """Wrap it around the whole application: app = TraceMiddleware(FastAPI()).

    The root of the trace is the client's `traceparent`, else `X-Trace-Id` (Nginx's request id), else random; the
    answer carries `X-Trace-Id`. One line "request" per request: OpenTelemetry's http.request.method, http.route,
    url.path, http.response.status_code, client.address, and duration_ms. An exception that leaves the application
    is part of that line.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with use_context(_read_context(scope)) as context:
            await _Exchange(scope, context, send).run(self.app, receive)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, context: TraceContext, send: Send) -> None:
        self.scope = scope
        self.context = context
        self.forward = send
        self.status = 500
        self.complete = False
        self.started = time.perf_counter()

    async def run(self, app: Application, receive: Receive) -> None:
        try:
            await app(self.scope, receive, self.send)
        except Exception as error:
            self.write_line(describe_exception(error))
            # A framework has answered 500 and raises only for the server's log, which is this line.
            if not self.complete:
                raise
        else:
            self.write_line({})

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-trace-id", self.context.trace_id.encode())]
        elif message["type"] == "http.response.body":
            self.complete = not message.get("more_body", False)
        await self.forward(message)

    def choose_level(self, *, failed: bool) -> int:
        if failed:
            return logging.ERROR
        if self.scope["path"] in PROBES and self.context.parent_id is None:
            return logging.DEBUG if self.status < 400 else logging.WARNING
        return logging.INFO if self.status < 500 else logging.ERROR

    def write_line(self, exception: dict[str, object]) -> None:
        scope, path = self.scope, self.scope["path"]
        fields = {
            "http.request.method": scope["method"],
            "http.route": _read_route(scope),
            "url.path": path,
            "http.response.status_code": self.status,
            "duration_ms": round((time.perf_counter() - self.started) * 1000, 3),
            "client.address": client_address(scope),
        }
        given = {name: value for name, value in fields.items() if value is not None}
        log.log(self.choose_level(failed=bool(exception)), "request", **given, **exception)


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
    return join_trace(_read_headers(scope, b"traceparent"), _read_headers(scope, b"tracestate"), trace_id)


def _read_headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]

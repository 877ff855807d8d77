"""Outgoing HTTP: names resolved through the address table, the trace context passed on.

Each call is a client span, an observation and a debug line; its time ends with the head of the answer.
"""

import asyncio
import time
from typing import Any

import httpx

from opsconductor_telemetry.address import DEFAULT_PORTS, resolve_url
from opsconductor_telemetry.instruments import CALLED, bound_method
from opsconductor_telemetry.lines import name_exception
from opsconductor_telemetry.log import get_logger
from opsconductor_telemetry.redaction import redact_text
from opsconductor_telemetry.spans import Span, inject, start_span

log = get_logger(__name__)
_OF_TRANSPORT = ("verify", "cert", "trust_env", "http1", "http2", "limits")


def http_client(**options: Any) -> httpx.AsyncClient:  # httpx's own options, passed through
    """A client for calls to other boxes and to targets; takes the options of httpx.AsyncClient.

    Keep one for the life of the process (it pools connections) and close it with aclose(). Proxies of the
    environment are not used: boxes are reached directly.
    """
    inner = options.pop("transport", None)
    if inner is None:
        own = {name: options.pop(name) for name in _OF_TRANSPORT if name in options}
        inner = httpx.AsyncHTTPTransport(**own)
    return httpx.AsyncClient(transport=_TracingTransport(inner), **options)


class _TracingTransport(httpx.AsyncBaseTransport):
    """Sends through another transport; each call (each hop of a redirect) is a span of its own."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        method, url = bound_method(request.method), request.url
        call = {
            "http_request_method": method,
            "server_address": url.host,
            "server_port": str(url.port or DEFAULT_PORTS.get(url.scheme) or ""),
        }
        with start_span(method, "client") as span:
            started = time.perf_counter()
            status, failure = "", ""
            try:
                response = await self._inner.handle_async_request(_address(request))
                status = str(response.status_code)
                if response.status_code >= 400:
                    failure = status
                return response
            except (httpx.HTTPError, OSError, asyncio.CancelledError) as error:
                failure = name_exception(error)
                raise
            finally:
                passed_s = time.perf_counter() - started
                CALLED.observe(passed_s, **call, http_response_status_code=status, error_type=failure)
                _describe(span, request, status, failure)
                log.debug("request sent", **_list_fields(request, status, failure, passed_s))

    async def aclose(self) -> None:
        await self._inner.aclose()


def _describe(span: Span, request: httpx.Request, status: str, failure: str) -> None:
    """Spec: OpenTelemetry's HTTP client spans. An answer of 4xx or 5xx is a failure of this side's call."""
    if not span.recorded:
        return
    method = bound_method(request.method)
    span.set(
        **{
            "http.request.method": method,
            "http.request.method_original": None if method == request.method else request.method,
            "server.address": request.url.host,
            "server.port": request.url.port or DEFAULT_PORTS.get(request.url.scheme),
            "url.full": redact_text(str(request.url)),
            "http.response.status_code": int(status) if status else None,
        }
    )
    if failure:
        span.fail(failure)


def _list_fields(request: httpx.Request, status: str, failure: str, passed_s: float) -> dict[str, object]:
    fields: dict[str, object] = {"http.request.method": request.method, "url.full": str(request.url)}
    if status:
        fields["http.response.status_code"] = int(status)
    elif failure:
        fields["error.type"] = failure
    fields["duration_ms"] = round(passed_s * 1000, 3)
    return fields


def _address(request: httpx.Request) -> httpx.Request:
    """The request as it goes out: to the address; the name stays in the Host header and in TLS."""
    headers = httpx.Headers(request.headers)
    if "traceparent" not in headers:
        inject(headers)
    extensions = {"sni_hostname": request.url.host, **request.extensions}
    url = resolve_url(str(request.url))
    return httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=extensions)

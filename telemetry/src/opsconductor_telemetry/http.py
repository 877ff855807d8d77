"""Outgoing HTTP: names resolved through the address table, the trace context passed on, a debug line per call."""

import time
from typing import Any

import httpx

from opsconductor_telemetry.address import resolve_url
from opsconductor_telemetry.log import get_logger
from opsconductor_telemetry.spans import inject, start_span

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
        with start_span(f"HTTP {request.method}"):
            started = time.perf_counter()
            fields: dict[str, object] = {"http.request.method": request.method, "url.full": str(request.url)}
            try:
                response = await self._inner.handle_async_request(_address(request))
                fields["http.response.status_code"] = response.status_code
                return response
            except httpx.HTTPError as error:
                fields["error.type"] = type(error).__name__
                raise
            finally:
                fields["duration_ms"] = round((time.perf_counter() - started) * 1000, 3)
                log.debug("request sent", **fields)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _address(request: httpx.Request) -> httpx.Request:
    """The request as it goes out: to the address; the name stays in the Host header and in TLS."""
    headers = httpx.Headers(request.headers)
    if "traceparent" not in headers:
        inject(headers)
    extensions = {"sni_hostname": request.url.host, **request.extensions}
    url = resolve_url(str(request.url))
    return httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=extensions)

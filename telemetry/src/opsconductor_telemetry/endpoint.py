"""GET /metrics as an ASGI application: app.add_route("/metrics", MetricsEndpoint())."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from opsconductor_telemetry.exposition import OPENMETRICS, PLAIN, choose_openmetrics, write_exposition
from opsconductor_telemetry.log import get_logger
from opsconductor_telemetry.metrics import REGISTRY, Gauge, Registry, Values

# ASGI's own types: messages are dictionaries of anything
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LookUp = Callable[[], Awaitable[Mapping[Values, float]]]
"""Gives the series of a gauge: the values of its labels in their order, and the number."""

LOOK_UP_TIMEOUT_S = 2.0
"""For all gauges of one answer, far below a scraper's own timeout (10 s)."""

log = get_logger(__name__)


class MetricsEndpoint:
    """look_ups: the gauges whose values are asked for at each scrape, from a database say.

    One that fails or takes too long is left out of the answer, with a debug line: no value is better than an old one.
    """

    def __init__(self, look_ups: Mapping[Gauge, LookUp] | None = None, registry: Registry = REGISTRY) -> None:
        self._look_ups = look_ups or {}
        self._registry = registry

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """ASGI's entry: OpenMetrics for who asks for it, else the older text; 405 for methods other than GET."""
        del receive
        if scope["method"] not in {"GET", "HEAD"}:
            await _answer(send, 405, {"allow": "GET, HEAD"}, b"")
            return
        await asyncio.gather(*(_look_up(gauge, look_up) for gauge, look_up in self._look_ups.items()))
        accept = b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1")
        openmetrics = choose_openmetrics(accept)
        body = write_exposition(self._registry, openmetrics=openmetrics)
        await _answer(send, 200, {"content-type": OPENMETRICS if openmetrics else PLAIN}, body)


async def _look_up(gauge: Gauge, look_up: LookUp) -> None:
    try:
        async with asyncio.timeout(LOOK_UP_TIMEOUT_S):
            gauge.replace(await look_up())
    except Exception as error:  # noqa: BLE001 - the rest is shown, whatever a database's client raises
        gauge.replace({})
        log.debug("metric not looked up", metric=gauge.name, error=str(error), **{"error.type": type(error).__name__})


async def _answer(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    fields = {**headers, "content-length": str(len(body))}
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})

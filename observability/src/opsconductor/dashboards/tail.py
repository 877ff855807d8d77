"""The data source proxy over WebSocket: live tails."""

import asyncio
import base64

from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from opsconductor.dashboards.proxy import CONNECT_S, Place, SourceTable
from opsconductor.model.address import resolve_url
from opsconductor.model.errors import InputError
from opsconductor.serving.counters import Registry
from opsconductor_telemetry import get_logger

log = get_logger(__name__)

MAX_MESSAGE_BYTES = 32 << 20
"""Largest frame of a store."""

REASON_BYTES = 123
"""What a close frame can hold. Spec: RFC 6455, 5.5."""

REFUSED, UNKNOWN_SOURCE, UNREACHABLE, FAILED = 4400, 4404, 4502, 1011
NEVER_SENT = frozenset((1005, 1006, 1015))
"""Close codes that stand for the lack of one. Spec: RFC 6455, 7.4.1."""


class TailProxy:
    """Passes live tails on."""

    def __init__(self, sources: SourceTable, registry: Registry) -> None:
        self._sources = sources
        self._open: set[WebSocket] = set()
        registry.gauge("opsconductor_dashboards_open_tails", "Live tails.", lambda: len(self._open))

    async def pass_websocket(self, socket: WebSocket) -> None:
        """Frames of the store to the browser until either side ends."""
        try:
            place = self._sources.locate(socket)
        except InputError as error:
            await _refuse(socket, REFUSED, str(error))
            return
        if place is None:
            await _refuse(socket, UNKNOWN_SOURCE, "no data source has this uid")
            return
        try:
            store = await _open_store(place)
        except InvalidStatus as error:
            body = error.response.body or f"the store answered {error.response.status_code}".encode()
            await _refuse(socket, REFUSED, body.decode(errors="replace"))
        except (OSError, TimeoutError, WebSocketException) as error:
            log.warning("data source failed", source=place.source.name, reason=str(error))
            await _refuse(socket, UNREACHABLE, f"cannot ask {place.source.name}: {error}")
        else:
            async with store:
                await self._follow(store, socket)

    async def _follow(self, store: ClientConnection, socket: WebSocket) -> None:
        await socket.accept()
        self._open.add(socket)
        parts = (asyncio.create_task(_pass_down(store, socket)), asyncio.create_task(_wait_until_left(socket)))
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(socket)
            for part in parts:
                part.cancel()
            await asyncio.wait(parts)
        if socket.client_state.name == "CONNECTED" and socket.application_state.name == "CONNECTED":
            await socket.close(*_explain_end(store))


def _explain_end(store: ClientConnection) -> tuple[int, str]:
    """Close code and reason: the store's own, where it gave one."""
    code = store.close_code
    if code is None or code in NEVER_SENT:
        return FAILED, "the store ended the tail without a word"
    return code, store.close_reason or ""


async def _open_store(place: Place) -> ClientConnection:
    headers = {}
    if place.user:
        credentials = base64.b64encode(":".join(place.user).encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    return await connect(
        resolve_url(place.url).replace("http", "ws", 1),
        additional_headers=headers,
        open_timeout=CONNECT_S,
        max_size=MAX_MESSAGE_BYTES,
        compression=None,
        proxy=None,
    )


async def _refuse(socket: WebSocket, code: int, reason: str) -> None:
    """Accepted first: a browser learns code and reason only of an open WebSocket."""
    await socket.accept()
    await socket.close(code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))


async def _pass_down(store: ClientConnection, socket: WebSocket) -> None:
    try:
        async for message in store:
            await socket.send_text(message if isinstance(message, str) else message.decode(errors="replace"))
    except (ConnectionClosed, WebSocketDisconnect):
        return


async def _wait_until_left(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass

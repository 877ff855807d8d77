"""The data source proxy: requests of the UI to a store, streamed both ways, HTTP and WebSocket.

Cookies and credentials of the browser stay here; hop-by-hop headers too.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from opsconductor.dashboards.provisioning import DataSource
from opsconductor.model.address import resolve_url
from opsconductor_telemetry import get_logger

log = get_logger(__name__)

TIMEOUT_S = 60.0
CONNECT_S = 5.0
MAX_BODY_BYTES = 4 * 1024 * 1024
PASSED_UP = frozenset(("accept", "content-type", "x-scope-orgid", "x-query-tags", "x-loki-response-encoding-flags"))
PASSED_DOWN = frozenset(("content-type", "cache-control", "retry-after"))


class Proxy:
    """Passes requests on to data sources by uid."""

    def __init__(self, sources: dict[str, DataSource]) -> None:
        self._sources = sources
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_S), follow_redirects=False)

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def pass_http(self, request: Request) -> Response:
        """One request and its streamed answer; 502 where the store does not answer, 504 where it is too slow."""
        source = self._sources.get(request.path_params["uid"])
        if source is None:
            return JSONResponse({"message": f"no data source has uid {request.path_params['uid']}"}, 404)
        url = httpx.URL(resolve_url(f"{source.url}/{request.path_params['path']}"), query=request.url.query.encode())
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=499)
        if len(body) > MAX_BODY_BYTES:
            return JSONResponse({"message": f"the request is larger than {MAX_BODY_BYTES} bytes"}, 413)
        headers = {name: value for name, value in request.headers.items() if name in PASSED_UP}
        try:
            asked = self._client.build_request(request.method, url, headers=headers, content=body)
            answer = await self._client.send(asked, stream=True)
        except httpx.TimeoutException:
            return JSONResponse(
                {"message": f"{source.name} did not answer within {TIMEOUT_S:g} s ({source.url})"}, 504
            )
        except httpx.HTTPError as error:
            return JSONResponse({"message": f"{source.name} cannot be reached: {error} ({source.url})"}, 502)
        kept = {name: value for name, value in answer.headers.items() if name in PASSED_DOWN}
        return StreamingResponse(_stream(answer), answer.status_code, kept)

    async def pass_websocket(self, socket: WebSocket) -> None:
        """A live tail: frames of the store to the browser until either side ends."""
        source = self._sources.get(socket.path_params["uid"])
        if source is None:
            await socket.close(4404)
            return
        url = resolve_url(f"{source.url}/{socket.path_params['path']}").replace("http", "ws", 1)
        try:
            store = await connect(f"{url}?{socket.url.query}", open_timeout=CONNECT_S, max_size=None, proxy=None)
        except InvalidStatus as error:
            await socket.accept()
            await socket.close(4400, (error.response.body or b"").decode(errors="replace")[:120])
            return
        except (OSError, TimeoutError, WebSocketException) as error:
            await socket.accept()
            await socket.close(4502, f"{source.name} cannot be reached: {error}"[:120])
            return
        await socket.accept()
        async with store:
            await _pump(store, socket)


async def _stream(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in answer.aiter_bytes():
            yield part
    finally:
        await answer.aclose()


async def _pump(store: ClientConnection, socket: WebSocket) -> None:
    async def down() -> None:
        async for message in store:
            text = message if isinstance(message, str) else message.decode(errors="replace")
            await socket.send_text(text)

    async def until_left() -> None:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass

    tasks = [asyncio.create_task(down()), asyncio.create_task(until_left())]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(
            result, ConnectionClosed | WebSocketDisconnect | RuntimeError
        ):
            log.warning("live tail ended", reason=str(result))
    if tasks[1] not in done:
        await socket.close()

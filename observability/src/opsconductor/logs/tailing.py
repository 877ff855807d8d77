"""GET /loki/api/v1/tail: a WebSocket whose messages a query worker makes.

Spec: Loki HTTP API "Stream logs". A client that is too slow is told what it missed (dropped_entries).
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from opsconductor.logs.config import LogsConfig
from opsconductor.logs.encoding import JSON, encode_error
from opsconductor.logs.figures import Figures
from opsconductor.logs.reading import make_question
from opsconductor.model.errors import LimitError, OpsConductorError
from opsconductor.serving.errors import describe_error
from opsconductor.serving.worker_pool import Answer, Part, WorkerDiedError, WorkerPool

GOING_AWAY: Final = 1001
INTERNAL_ERROR: Final = 1011
SWITCHING: Final = 101


class TailEndpoint:
    """Live tails of all tenants, at most max_concurrent_tail_requests each."""

    def __init__(self, config: LogsConfig, find_pool: Callable[[], WorkerPool], figures: Figures) -> None:
        self._config, self._find_pool, self._figures = config, find_pool, figures
        self._open: dict[str, int] = {}
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End every tail: the role is stopping."""
        self._closing.set()

    @property
    def open(self) -> int:
        """Tails that are followed now."""
        return sum(self._open.values())

    async def __call__(self, socket: WebSocket) -> None:
        """Follow a query until the client leaves. A bad query is refused before the WebSocket is accepted."""
        try:
            await self._follow(socket)
        except OpsConductorError as error:
            status, headers = describe_error(error)
            body = encode_error(status, str(error))
            self._figures.queries.add(1, "tail", str(status))
            await socket.send_denial_response(Response(body, status, headers, JSON))

    async def _follow(self, socket: WebSocket) -> None:
        question = replace(make_question(socket.scope, "tail", self._config), timeout_s=0)
        limit = self._config.limits.max_concurrent_tail_requests
        if limit and self._open.get(question.tenant, 0) >= limit:
            raise LimitError(
                f"max concurrent tail requests limit exceeded, count > limit ({limit} > {limit})",
                "max_concurrent_tail_requests",
                400,
            )
        self._open[question.tenant] = self._open.get(question.tenant, 0) + 1
        try:
            async with self._find_pool().ask(question, streams=True) as answer:
                await self._converse(socket, answer)
        finally:
            self._open[question.tenant] -= 1

    async def _converse(self, socket: WebSocket, answer: Answer) -> None:
        part = answer.first
        self._figures.queries.add(1, "tail", str(SWITCHING if part.status == 200 else part.status))
        if part.status != 200:
            await socket.send_denial_response(Response(part.body, part.status, media_type=part.type))
            return
        await socket.accept()
        sending = asyncio.create_task(self._send(socket, answer, part))
        leaving = asyncio.create_task(_wait_for_leave(socket))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({sending, leaving, closing}, return_when=asyncio.FIRST_COMPLETED)
            if not leaving.done():
                await socket.close(GOING_AWAY if closing.done() else INTERNAL_ERROR, "the log store is restarting")
        except (WebSocketDisconnect, RuntimeError):
            return  # the client left while we said good-bye
        finally:
            for task in (sending, leaving, closing):
                task.cancel()
            await asyncio.gather(sending, leaving, closing, return_exceptions=True)

    async def _send(self, socket: WebSocket, answer: Answer, part: Part) -> None:
        """Messages until the worker dies or the client is gone; a credit for each that has left."""
        while True:
            if part.body:
                await socket.send_text(part.body.decode())
            answer.confirm()
            try:
                part = await answer.next_part()
            except WorkerDiedError:
                return


async def _wait_for_leave(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass

"""The read API: each request goes as it came to a query worker, whose answer streams back.

Nothing is parsed here but the tenant. A query whose client leaves is cancelled. Spec: Loki HTTP API.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from opsconductor.logs.config import LogsConfig
from opsconductor.logs.encoding import JSON, encode_error
from opsconductor.logs.figures import Figures
from opsconductor.logs.tenants import HEADER as TENANT_HEADER
from opsconductor.logs.tenants import read_tenant
from opsconductor.logs.worker_protocol import Question
from opsconductor.logs.workers import Answer, WorkerDiedError, WorkerPool
from opsconductor.model.errors import OpsConductorError
from opsconductor.serving.body import ClientLeftError, read_body
from opsconductor.serving.errors import describe_error
from opsconductor_telemetry import get_logger

FLAGS_HEADER: Final = "X-Loki-Response-Encoding-Flags"
MAX_FORM_BYTES: Final = 1 << 20
CLIENT_LEFT: Final = 499

log = get_logger(__name__)


def make_question(scope: Scope, endpoint: str, config: LogsConfig) -> Question:
    """The question that a request asks. Raises InputError or LimitError for its tenant."""
    headers = Headers(scope=scope)
    return Question(
        endpoint=endpoint,
        tenant=read_tenant(headers.get(TENANT_HEADER, ""), auth_enabled=config.auth_enabled),
        query=scope["query_string"].decode("latin-1"),
        flags=headers.get(FLAGS_HEADER, ""),
        timeout_s=config.limits.query_timeout / 1e9,
    )


class ReadEndpoint:
    """The ASGI app of one read endpoint. name: its path below /loki/api/v1, with {name} filled in from the path."""

    def __init__(self, name: str, config: LogsConfig, find_pool: Callable[[], WorkerPool], figures: Figures) -> None:
        self._name, self._config, self._find_pool, self._figures = name, config, find_pool, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one read; its status and duration are counted."""
        started, status = time.perf_counter(), CLIENT_LEFT

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._figures.query_seconds.observe(time.perf_counter() - started, self._name)
            await send(message)

        try:
            await self._answer(scope, receive, watch)
        except ClientLeftError:
            pass
        self._figures.queries.add(1, self._name, str(status))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            question = make_question(scope, self._name.format(**scope["path_params"]), self._config)
            body = await read_body(scope, receive, MAX_FORM_BYTES, "the 1 MiB of a form")
            await _until_client_leaves(receive, self._relay(question, body, send))
        except OpsConductorError as error:
            status, headers = describe_error(error)
            await _send_error(send, status, str(error), headers)
        except TimeoutError:
            limit = f"query_timeout ({self._config.limits.query_timeout / 1e9:g}s)"
            await _send_error(send, 504, f"cannot finish the query within {limit}: narrow its range or selector", {})

    async def _relay(self, question: Question, body: bytes, send: Send) -> None:
        # The worker keeps the time as well; the extra second lets its own answer win.
        timer = asyncio.timeout(question.timeout_s + 1)
        async with timer, self._find_pool().ask(question, body) as answer:
            timer.reschedule(None)
            await _send_answer(answer, send)


async def _send_answer(answer: Answer, send: Send) -> None:
    part = answer.first
    headers = [(b"content-type", part.type.encode())]
    if part.end:
        headers.append((b"content-length", str(len(part.body)).encode()))
    await send({"type": "http.response.start", "status": part.status, "headers": headers})
    while True:
        await send({"type": "http.response.body", "body": part.body, "more_body": not part.end})
        if part.end:
            return
        answer.confirm()
        try:
            part = await answer.next_part()
        except WorkerDiedError:
            log.warning("answer cut short: the query worker died")
            raise ClientLeftError from None


async def _until_client_leaves(receive: Receive, work: Awaitable[None]) -> None:
    """Do the work; cancel it and raise ClientLeftError when the client disconnects first."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_wait_for_leave(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeftError
        working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _wait_for_leave(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_error(send: Send, status: int, message: str, headers: dict[str, str]) -> None:
    body = encode_error(status, message)
    lines = {"content-type": JSON, "content-length": str(len(body)), **headers}
    encoded = [(name.lower().encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})

"""A request that goes as it came to a query worker, whose answer streams back; a client that leaves cancels it."""

import asyncio
from collections.abc import Awaitable

from starlette.types import Receive, Send

from opsconductor.serving.body import ClientLeftError
from opsconductor.serving.worker_pool import Answer, WorkerDiedError, WorkerPool
from opsconductor.serving.worker_protocol import Question
from opsconductor_telemetry import get_logger

log = get_logger(__name__)


async def relay_question(pool: WorkerPool, question: Question, body: bytes, receive: Receive, send: Send) -> None:
    """Ask and stream the answer.

    Raises the pool's errors before anything is sent, TimeoutError when the question's time is over, and
    ClientLeftError.
    """
    await _until_client_leaves(receive, _ask(pool, question, body, send))


async def _ask(pool: WorkerPool, question: Question, body: bytes, send: Send) -> None:
    # The worker keeps the time as well; the extra second lets its own answer win.
    timer = asyncio.timeout(question.timeout_s + 1)
    async with timer, pool.ask(question, body) as answer:
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

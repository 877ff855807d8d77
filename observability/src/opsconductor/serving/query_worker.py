"""A query worker process, common to the roles that store: takes questions over the socket pair, answers in parts.

Work runs in threads, the event loop only moves frames; a client that left cancels it. The end of the socket ends the
process at once, whatever runs.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

import uvloop

from opsconductor.model.errors import OpsConductorError
from opsconductor.serving.children import begin_child
from opsconductor.serving.errors import describe_error
from opsconductor.serving.worker_protocol import PART_BYTES, WINDOW, Frame, Question, encode_frame, read_frame
from opsconductor_telemetry import configure, get_logger, shutdown

NICE: Final = 5
CLIENT_LEFT: Final = 499
JSON: Final = "application/json; charset=UTF-8"

T = TypeVar("T")
log = get_logger(__name__)


class CancelledQueryError(OpsConductorError):
    """The client left before its answer was ready; nobody reads this."""


class Reply:
    """One answer on its way to the writer, WINDOW parts ahead of the client at most."""

    def __init__(self, number: int, writer: asyncio.StreamWriter) -> None:
        self.credits = asyncio.Semaphore(WINDOW)
        self.cancelled = asyncio.Event()
        self.interrupt: Callable[[], None] = _ignore
        """Stops what runs in a thread for this answer; called again until it has ended."""
        self._number, self._writer = number, writer

    async def send(self, status: int, body: bytes, *, end: bool, media_type: str = JSON) -> None:
        """Send a part once the client has taken enough of the earlier ones."""
        await self.credits.acquire()
        header = {"id": self._number, "kind": "part", "status": status, "type": media_type, "end": end}
        self._writer.write(encode_frame(Frame(header, body)))
        await self._writer.drain()

    async def send_whole(self, status: int, body: bytes, media_type: str = JSON) -> None:
        """Send a finished body in parts."""
        for at in range(0, max(len(body), 1), PART_BYTES):
            end = at + PART_BYTES >= len(body) or self.cancelled.is_set()
            await self.send(status, body[at : at + PART_BYTES], end=end, media_type=media_type)
            if end:
                return

    def has_room(self) -> bool:
        """Whether send() would not wait."""
        return not self.credits.locked()

    def cancel(self) -> None:
        """The client left: stop what runs and what waits for credits."""
        self.cancelled.set()
        self.interrupt()
        for _ in range(WINDOW):
            self.credits.release()

    async def run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """Work in a thread. Cancelling interrupts it, again and again until it has ended."""
        if self.cancelled.is_set():
            raise CancelledQueryError
        running: Future[T] = threads.submit(work)
        ended = asyncio.ensure_future(asyncio.wrap_future(running))
        leaving = asyncio.ensure_future(self.cancelled.wait())
        try:
            await asyncio.wait(list[asyncio.Future[Any]]([ended, leaving]), return_when=asyncio.FIRST_COMPLETED)
            while not ended.done():
                if running.cancel():
                    raise CancelledQueryError
                self.interrupt()
                await asyncio.wait([ended], timeout=0.05)
            return ended.result()
        finally:
            leaving.cancel()


def _ignore() -> None:
    """Nothing to interrupt."""


class QueryWorker:
    """Reads frames and hands questions to `answer`, which a role defines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._replies: dict[int, Reply] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, question: Question, body: bytes, reply: Reply) -> None:
        """Answer one question, its last part with end=True. Errors that it raises are answered by encode_error."""
        raise NotImplementedError

    def encode_error(self, status: int, message: str) -> bytes:
        """The body of an error, in the form of the role's API."""
        raise NotImplementedError

    async def run(self) -> None:
        """Answer until the writer is gone."""
        self._writer.write(encode_frame(Frame({"kind": "ready"})))
        while (frame := await read_frame(self._reader)) is not None:
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        number, kind = frame.header["id"], frame.header["kind"]
        if kind == "ask":
            task = asyncio.create_task(self._answer(number, Question(**frame.header["question"]), frame.body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif (reply := self._replies.get(number)) is not None:
            if kind == "cancel":
                reply.cancel()
            else:
                reply.credits.release()

    async def _answer(self, number: int, question: Question, body: bytes) -> None:
        reply = self._replies[number] = Reply(number, self._writer)
        try:
            await self.answer(question, body, reply)
        except OpsConductorError as error:
            status = CLIENT_LEFT if reply.cancelled.is_set() else describe_error(error)[0]
            await reply.send(status, self.encode_error(status, str(error)), end=True)
        except Exception as error:
            log.exception("query failed", endpoint=question.endpoint, query=question.query)
            message = f"cannot answer the query: {type(error).__name__} in the query worker; its log says more"
            await reply.send(500, self.encode_error(500, message), end=True)
        finally:
            del self._replies[number]


MakeWorker = Callable[[Mapping[str, Any], asyncio.StreamReader, asyncio.StreamWriter], QueryWorker]


def run_query_worker(service: str, make: MakeWorker) -> None:
    """The main of a query worker process; make gets the fields of the configuration that the pool was given."""
    configure(service)
    channel, fields = begin_child(NICE)

    async def serve() -> None:
        reader, writer = await asyncio.open_connection(sock=channel)
        await make(fields, reader, writer).run()

    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(serve())
    shutdown(timeout_s=0.2)
    os._exit(0)  # a statement may still run in a thread; nobody waits for it

"""A query worker process: answers what the writer passes on, at nice 5, with a DuckDB of its own.

Queries run in `threads` threads, all tails in one more; the event loop only moves frames. The end of the socket ends
the process at once, whatever runs.
"""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import uvloop

from opsconductor.logql.errors import QueryCancelledError
from opsconductor.logql.request import Budget
from opsconductor.logs.answers import Answers, parse_form
from opsconductor.logs.children import begin_child
from opsconductor.logs.encoding import JSON, encode_error, encode_tail
from opsconductor.logs.follower import DROPPED_SHOWN, Dropped, TailSession, list_dropped, split_streams
from opsconductor.logs.parameters import parse_tail_query
from opsconductor.logs.table import LOGS
from opsconductor.logs.worker_protocol import (
    PART_BYTES,
    WINDOW,
    Frame,
    Question,
    WorkerConfig,
    encode_frame,
    read_frame,
)
from opsconductor.model.errors import OpsConductorError
from opsconductor.serving.errors import describe_error
from opsconductor.storage.reader import Reader
from opsconductor_telemetry import configure, get_logger, shutdown

NICE: Final = 5
DUCKDB_THREADS: Final = 2
POLL_S: Final = 0.1
"""How often a tail looks for new entries."""

CLIENT_LEFT: Final = 499

T = TypeVar("T")
log = get_logger(__name__)


class Reply:
    """One answer on its way to the writer, WINDOW parts ahead of the client at most."""

    def __init__(self, number: int, writer: asyncio.StreamWriter, budget: Budget) -> None:
        self.budget = budget
        self.credits = asyncio.Semaphore(WINDOW)
        self.cancelled = asyncio.Event()
        self.connection: duckdb.DuckDBPyConnection | None = None
        self._number, self._writer = number, writer

    async def send(self, status: int, body: bytes, *, end: bool) -> None:
        """Send a part once the client has taken enough of the earlier ones."""
        await self.credits.acquire()
        header = {"id": self._number, "kind": "part", "status": status, "type": JSON, "end": end}
        self._writer.write(encode_frame(Frame(header, body)))
        await self._writer.drain()

    def has_room(self) -> bool:
        """Whether send() would not wait."""
        return not self.credits.locked()

    def cancel(self) -> None:
        """The client left: stop what runs and what waits for credits."""
        self.budget.cancelled.set()
        self.cancelled.set()
        for _ in range(WINDOW):
            self.credits.release()


class QueryWorker:
    """Reads frames and answers them."""

    def __init__(self, config: WorkerConfig, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._config, self._reader, self._writer = config, reader, writer
        self._database = duckdb.connect(config={"threads": DUCKDB_THREADS, "memory_limit": f"{config.memory_bytes}B"})
        self._store = Reader(Path(config.data), LOGS)
        self._answers = Answers(self._store, config)
        self._threads = ThreadPoolExecutor(config.threads, "query")
        self._tail_thread = ThreadPoolExecutor(1, "tail")
        self._replies: dict[int, Reply] = {}
        self._tasks: set[asyncio.Task[None]] = set()

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
        reply = self._replies[number] = Reply(number, self._writer, self._make_budget(question.timeout_s))
        try:
            if question.endpoint == "tail":
                await self._tail(question, reply)
            else:
                await self._query(question, body, reply)
        except OpsConductorError as error:
            status = CLIENT_LEFT if isinstance(error, QueryCancelledError) else describe_error(error)[0]
            await reply.send(status, encode_error(status, str(error)), end=True)
        except Exception as error:
            log.exception("query failed", endpoint=question.endpoint, query=question.query)
            message = f"cannot answer the query: {type(error).__name__} in the query worker; its log says more"
            await reply.send(500, encode_error(500, message), end=True)
        finally:
            del self._replies[number]
            if reply.connection is not None:
                reply.connection.close()

    def _make_budget(self, timeout_s: float) -> Budget:
        config = self._config
        return Budget(
            max_entries=config.max_entries,
            max_series=config.max_series,
            max_length_ns=config.max_length_ns,
            deadline=time.monotonic() + timeout_s if timeout_s else None,
        )

    async def _query(self, question: Question, body: bytes, reply: Reply) -> None:
        connection = reply.connection = self._database.cursor()
        status, answer = await self._run(
            self._threads, reply, lambda: self._answers.answer(question, body, connection, reply.budget)
        )
        for at in range(0, max(len(answer), 1), PART_BYTES):
            end = at + PART_BYTES >= len(answer) or reply.cancelled.is_set()
            await reply.send(status, answer[at : at + PART_BYTES], end=end)
            if end:
                return

    async def _tail(self, question: Question, reply: Reply) -> None:
        asked = parse_tail_query(parse_form(question.query, b""), time.time_ns())
        session = TailSession(self._store, question.tenant, asked)
        await reply.send(200, b"", end=False)
        connection = reply.connection = self._database.cursor()
        streams = await self._run(self._tail_thread, reply, lambda: session.open(connection, reply.budget))
        dropped: Dropped = []
        while not reply.cancelled.is_set():
            for message in split_streams(streams):
                if reply.has_room():
                    await reply.send(200, encode_tail(message, dropped, question.flags), end=False)
                    dropped = []
                else:
                    dropped += list_dropped(message, DROPPED_SHOWN - len(dropped))
            await asyncio.sleep(POLL_S)
            streams = await self._run(self._tail_thread, reply, session.poll) if session.has_news() else []
        await reply.send(200, b"", end=True)

    async def _run(self, threads: ThreadPoolExecutor, reply: Reply, work: Callable[[], T]) -> T:
        """Work in a thread. Cancelling interrupts its statement, again and again until it has ended."""
        if reply.cancelled.is_set():
            raise QueryCancelledError
        running: Future[T] = threads.submit(work)
        ended = asyncio.ensure_future(asyncio.wrap_future(running))
        leaving = asyncio.ensure_future(reply.cancelled.wait())
        try:
            await asyncio.wait(list[asyncio.Future[Any]]([ended, leaving]), return_when=asyncio.FIRST_COMPLETED)
            while not ended.done():
                if running.cancel():
                    raise QueryCancelledError
                if reply.connection is not None:
                    reply.connection.interrupt()
                await asyncio.wait([ended], timeout=0.05)
            return ended.result()
        finally:
            leaving.cancel()


def main() -> None:
    """Answer until the writer is gone."""
    configure("logs")
    channel, fields = begin_child(NICE)
    config = WorkerConfig(**fields)

    async def serve() -> None:
        reader, writer = await asyncio.open_connection(sock=channel)
        await QueryWorker(config, reader, writer).run()

    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(serve())
    shutdown(timeout_s=0.2)
    os._exit(0)  # a statement may still run in a thread; nobody waits for it


if __name__ == "__main__":
    main()

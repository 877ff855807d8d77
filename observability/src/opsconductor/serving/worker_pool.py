"""The query workers, seen from the writer: who is alive, what each is asked, what waits.

Everything here runs in the writer's event loop and touches no row: answers pass through as bytes.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from opsconductor.model.errors import LimitError, UnavailableError
from opsconductor.serving.children import Child, keep_child
from opsconductor.serving.counters import Counter
from opsconductor.serving.worker_protocol import Frame, ProtocolError, Question, ask_frame, encode_frame, read_frame
from opsconductor_telemetry import get_logger

CANCEL_S: Final = 5.0
"""How long a worker may take to end a cancelled answer; then the worker is restarted."""

ATTEMPTS: Final = 2
"""How often a question is asked: a second time when its worker died before it began to answer."""

log = get_logger(__name__)


class WorkerDiedError(Exception):
    """The worker ended in the middle of an answer."""


@dataclass(frozen=True)
class Part:
    """A piece of an answer; status and type are those of the answer."""

    status: int
    type: str
    body: bytes
    end: bool


@dataclass
class _Exchange:
    """One question that a worker is answering. The queue holds parts, or None when the worker died."""

    parts: asyncio.Queue[Part | None] = field(default_factory=asyncio.Queue)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Worker:
    """One live query worker."""

    def __init__(self, child: Child, writer: asyncio.StreamWriter) -> None:
        self.child = child
        self.exchanges: dict[int, _Exchange] = {}
        self.queries = 0
        self._writer = writer

    def send(self, frame: Frame) -> None:
        """Queue a frame; frames to a worker are small, so nothing waits."""
        if not self._writer.is_closing():
            self._writer.write(encode_frame(frame))

    def receive(self, frame: Frame) -> None:
        """Hand a part to the exchange that it belongs to; parts of a forgotten exchange are dropped."""
        header = frame.header
        exchange = self.exchanges.get(header["id"])
        if exchange is None:
            return
        exchange.parts.put_nowait(Part(header["status"], header["type"], frame.body, header["end"]))
        if header["end"]:
            exchange.ended.set()
            del self.exchanges[header["id"]]

    def die(self) -> None:
        """Tell everyone who waits for an answer."""
        for exchange in self.exchanges.values():
            exchange.parts.put_nowait(None)
            exchange.ended.set()
        self.exchanges.clear()


class WorkerPool:
    """Keeps `count` query workers alive and shares questions among them.

    module: what a worker runs (python -m); config: a dataclass that it is given; threads: questions that one worker
    takes at a time; max_waiting: questions of a tenant that may wait for their turn.
    """

    def __init__(
        self, module: str, config: object, *, threads: int, count: int, max_waiting: int, restarts: Counter
    ) -> None:
        self._module, self._config, self._count, self._restarts = module, config, count, restarts
        self._max_waiting = max_waiting
        self._waiting: dict[str, int] = {}
        self._slots = asyncio.Semaphore(count * threads)
        self._workers: list[Worker] = []
        self._changed = asyncio.Condition()
        self._keepers: list[asyncio.Task[None]] = []
        self._numbers = itertools.count(1)
        self._has_answered = False
        self._cancelling: set[asyncio.Task[None]] = set()

    @property
    def has_answered(self) -> bool:
        """Whether a worker has ever been ready."""
        return self._has_answered

    @property
    def alive(self) -> int:
        """Workers that are ready now."""
        return len(self._workers)

    @property
    def waiting(self) -> int:
        """Queries that wait for a slot."""
        return sum(self._waiting.values())

    @property
    def running(self) -> int:
        """Answers under way, live tails included."""
        return sum(len(worker.exchanges) for worker in self._workers)

    def start(self) -> None:
        """Start the workers."""
        for number in range(self._count):
            keeper = keep_child(f"query-worker-{number}", self._module, self._config, self._converse, self._restarts)
            self._keepers.append(asyncio.create_task(keeper))

    async def stop(self) -> None:
        """End the workers and whatever they are answering."""
        for task in (*self._keepers, *self._cancelling):
            task.cancel()
        await asyncio.gather(*self._keepers, *self._cancelling, return_exceptions=True)

    async def _converse(self, child: Child) -> None:
        reader, writer = await asyncio.open_connection(sock=child.socket)
        worker = Worker(child, writer)
        try:
            while (frame := await read_frame(reader)) is not None:
                if frame.header["kind"] == "ready":
                    await self._welcome(worker)
                else:
                    worker.receive(frame)
        except ProtocolError as error:
            log.warning("query worker not understood", reason=str(error))
        finally:
            if worker in self._workers:
                self._workers.remove(worker)
            worker.die()
            writer.close()

    async def _welcome(self, worker: Worker) -> None:
        self._workers.append(worker)
        self._has_answered = True
        async with self._changed:
            self._changed.notify_all()

    @asynccontextmanager
    async def ask(self, question: Question, body: bytes = b"", *, streams: bool = False) -> AsyncIterator["Answer"]:
        """The answer to a question, its first part already there; leaving the block cancels what is left of it.

        streams: a live tail, which takes no query slot. Raises LimitError (429) when too many queries of the tenant
        wait, UnavailableError when no worker came back in time.
        """
        if not streams:
            await self._take_slot(question)
        try:
            answer = await self._begin(question, body)
            try:
                yield answer
            finally:
                answer.close()
        finally:
            if not streams:
                self._slots.release()

    async def _take_slot(self, question: Question) -> None:
        waiting = self._waiting.get(question.tenant, 0)
        if waiting >= self._max_waiting:
            raise LimitError("too many outstanding requests", "frontend.max_outstanding_per_tenant", 429)
        self._waiting[question.tenant] = waiting + 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting[question.tenant] -= 1
            if not self._waiting[question.tenant]:
                del self._waiting[question.tenant]

    async def _begin(self, question: Question, body: bytes) -> "Answer":
        for _ in range(ATTEMPTS):
            worker = await self._find_worker()
            number, exchange = next(self._numbers), _Exchange()
            worker.exchanges[number] = exchange
            worker.send(ask_frame(number, question, body))
            answer = Answer(self, worker, number, exchange)
            try:
                answer.first = await answer.next_part()
            except WorkerDiedError:
                log.warning("query worker died before it answered", endpoint=question.endpoint, query=question.query)
                continue
            except BaseException:
                answer.close()
                raise
            return answer
        raise UnavailableError("cannot answer the query: the query worker died over it; narrow the query, try again")

    async def _find_worker(self) -> Worker:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._workers))
            return min(self._workers, key=lambda worker: len(worker.exchanges))

    def cancel(self, worker: Worker, number: int, exchange: _Exchange) -> None:
        """Ask the worker to end an answer, and end the worker if it does not."""
        worker.send(Frame({"id": number, "kind": "cancel"}))

        async def see_it_end() -> None:
            try:
                await asyncio.wait_for(exchange.ended.wait(), CANCEL_S)
            except TimeoutError:
                log.warning("query worker restarted: it did not end a cancelled query", waited_s=CANCEL_S)
                worker.child.kill()

        task = asyncio.create_task(see_it_end())
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)


class Answer:
    """An answer under way. `first` is its first part."""

    first: Part

    def __init__(self, pool: WorkerPool, worker: Worker, number: int, exchange: _Exchange) -> None:
        self._pool, self._worker, self._number, self._exchange = pool, worker, number, exchange

    async def next_part(self) -> Part:
        """The next part. Raises WorkerDiedError."""
        part = await self._exchange.parts.get()
        if part is None:
            raise WorkerDiedError
        return part

    def confirm(self) -> None:
        """Say that the last part has gone to the client, so that the worker may send another."""
        self._worker.send(Frame({"id": self._number, "kind": "credit"}))

    def close(self) -> None:
        """Cancel what is left."""
        if not self._exchange.ended.is_set():
            self._pool.cancel(self._worker, self._number, self._exchange)

"""The query worker of the logs role: LogQL over a DuckDB of its own; queries in threads, all tails in one more."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import duckdb

from opsconductor.logql.request import Budget
from opsconductor.logs.answers import Answers, parse_form
from opsconductor.logs.encoding import encode_error, encode_tail
from opsconductor.logs.follower import DROPPED_SHOWN, Dropped, TailSession, list_dropped, split_streams
from opsconductor.logs.parameters import parse_tail_query
from opsconductor.logs.table import LOGS
from opsconductor.logs.worker_config import WorkerConfig
from opsconductor.serving.query_worker import QueryWorker, Reply, run_query_worker
from opsconductor.serving.worker_protocol import Question
from opsconductor.storage.reader import Reader

DUCKDB_THREADS: Final = 2
POLL_S: Final = 0.1
"""How often a tail looks for new entries."""


class LogsQueryWorker(QueryWorker):
    """Answers the read endpoints and follows live tails."""

    def __init__(self, config: WorkerConfig, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._config = config
        self._database = duckdb.connect(config={"threads": DUCKDB_THREADS, "memory_limit": f"{config.memory_bytes}B"})
        self._store = Reader(Path(config.data), LOGS)
        self._answers = Answers(self._store, config)
        self._threads = ThreadPoolExecutor(config.threads, "query")
        self._tail_thread = ThreadPoolExecutor(1, "tail")

    async def answer(self, question: Question, body: bytes, reply: Reply) -> None:
        """A tail follows until its client leaves; everything else is one body."""
        if question.endpoint == "tail":
            await self._tail(question, reply)
            return
        connection, budget = self._begin(question, reply)
        with closing(connection):
            work = self._answers.answer
            status, answer = await reply.run(self._threads, lambda: work(question, body, connection, budget))
        await reply.send_whole(status, answer)

    def encode_error(self, status: int, message: str) -> bytes:
        """The body of an error."""
        return encode_error(status, message)

    def _begin(self, question: Question, reply: Reply) -> tuple[duckdb.DuckDBPyConnection, Budget]:
        config, connection = self._config, self._database.cursor()
        budget = Budget(
            max_entries=config.max_entries,
            max_series=config.max_series,
            max_length_ns=config.max_length_ns,
            deadline=time.monotonic() + question.timeout_s if question.timeout_s else None,
        )

        def interrupt() -> None:
            budget.cancelled.set()
            connection.interrupt()

        reply.interrupt = interrupt
        return connection, budget

    async def _tail(self, question: Question, reply: Reply) -> None:
        asked = parse_tail_query(parse_form(question.query, b""), time.time_ns())
        session = TailSession(self._store, question.tenant, asked)
        await reply.send(200, b"", end=False)
        connection, budget = self._begin(question, reply)
        streams = await reply.run(self._tail_thread, lambda: session.open(connection, budget))
        dropped: Dropped = []
        while not reply.cancelled.is_set():
            for message in split_streams(streams):
                if reply.has_room():
                    await reply.send(200, encode_tail(message, dropped, question.flags), end=False)
                    dropped = []
                else:
                    dropped += list_dropped(message, DROPPED_SHOWN - len(dropped))
            await asyncio.sleep(POLL_S)
            streams = await reply.run(self._tail_thread, session.poll) if session.has_news() else []
        await reply.send(200, b"", end=True)


def make_worker(
    fields: Mapping[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> LogsQueryWorker:
    """A worker of the configuration's fields."""
    return LogsQueryWorker(WorkerConfig(**fields), reader, writer)


if __name__ == "__main__":
    run_query_worker("logs", make_worker)

"""The query worker of the traces role: searches over a DuckDB of its own, in threads."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import duckdb

from opsconductor.model.errors import OpsConductorError
from opsconductor.serving.errors import describe_error
from opsconductor.serving.query_worker import CancelledQueryError, QueryWorker, Reply, run_query_worker
from opsconductor.serving.worker_protocol import Question
from opsconductor.storage.reader import Reader
from opsconductor.traces.answers import Answers
from opsconductor.traces.encoding import JSON, TEXT, encode_error
from opsconductor.traces.table import SPANS
from opsconductor.traces.worker_config import WorkerConfig

DUCKDB_THREADS: Final = 2


class TracesQueryWorker(QueryWorker):
    """Answers the read endpoints."""

    def __init__(self, config: WorkerConfig, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._database = duckdb.connect(config={"threads": DUCKDB_THREADS, "memory_limit": f"{config.memory_bytes}B"})
        self._answers = Answers(Reader(Path(config.data), SPANS))
        self._threads = ThreadPoolExecutor(config.threads, "query")

    async def answer(self, question: Question, body: bytes, reply: Reply) -> None:
        """One body; an error is one too, in the form of the endpoint's generation."""
        connection = self._database.cursor()
        reply.interrupt = connection.interrupt
        endpoint, query, work = question.endpoint, question.query, self._answers.answer
        with closing(connection):
            try:
                found = await reply.run(self._threads, lambda: work(endpoint, query, body, connection))
            except duckdb.InterruptException as error:
                raise CancelledQueryError from error
            except OpsConductorError as error:
                status = describe_error(error)[0]
                await reply.send_whole(status, encode_error(endpoint, status, str(error)), TEXT)
                return
        await reply.send_whole(200, found, JSON)

    def encode_error(self, status: int, message: str) -> bytes:
        """The body of an error that nobody foresaw."""
        return encode_error("", status, message)


def make_worker(
    fields: Mapping[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> TracesQueryWorker:
    """A worker of the configuration's fields."""
    return TracesQueryWorker(WorkerConfig(**fields), reader, writer)


if __name__ == "__main__":
    run_query_worker("traces", make_worker)

"""The query worker of the metrics role: PromQL over the samples' and the exemplars' stores, in threads."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson

from opsconductor.metrics.answers import Answers
from opsconductor.metrics.parameters import Form
from opsconductor.metrics.table import EXEMPLARS, SAMPLES
from opsconductor.model.errors import InputError
from opsconductor.promql.errors import EvaluationError
from opsconductor.serving.query_worker import QueryWorker, Reply, run_query_worker
from opsconductor.serving.worker_protocol import Question
from opsconductor.storage.reader import Reader

MAX_FORM_FIELDS = 1000
ERROR_TYPES = {400: "bad_data", 404: "not_found", 422: "execution", 429: "execution", 503: "unavailable"}


@dataclass(frozen=True)
class WorkerConfig:
    """samples, exemplars: the storage folders; threads: queries at the same time."""

    samples: str
    exemplars: str
    threads: int


def encode_error(status: int, message: str) -> bytes:
    """The envelope of an error. Spec: Prometheus HTTP API v1."""
    return orjson.dumps({"status": "error", "errorType": ERROR_TYPES.get(status, "internal"), "error": message})


def parse_form(query: str, body: bytes) -> Form:
    """The parameters of the query string and of a form body. Raises InputError."""
    try:
        text = "&".join(part for part in (query, body.decode()) if part)
        return parse_qs(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="strict")
    except ValueError as error:
        raise InputError(f"cannot read the parameters: {error}; send them as a query string or a form") from error


class MetricsQueryWorker(QueryWorker):
    """Answers the read endpoints."""

    def __init__(self, config: WorkerConfig, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._answers = Answers(Reader(Path(config.samples), SAMPLES), Reader(Path(config.exemplars), EXEMPLARS))
        self._threads = ThreadPoolExecutor(config.threads, "query")

    async def answer(self, question: Question, body: bytes, reply: Reply) -> None:
        """One envelope. What cannot be computed is 422, what cannot be read 400, as in the original."""
        form = parse_form(question.query, body)
        try:
            data = await reply.run(
                self._threads, lambda: self._answers.answer(question.endpoint, question.tenant, form)
            )
        except EvaluationError as error:
            await reply.send_whole(422, encode_error(422, str(error)))
            return
        await reply.send_whole(200, b'{"status":"success","data":' + data + b"}")

    def encode_error(self, status: int, message: str) -> bytes:
        """The envelope of an error."""
        return encode_error(status, message)


def make_worker(
    fields: Mapping[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> MetricsQueryWorker:
    """A worker of the configuration's fields."""
    return MetricsQueryWorker(WorkerConfig(**fields), reader, writer)


if __name__ == "__main__":
    run_query_worker("metrics", make_worker)

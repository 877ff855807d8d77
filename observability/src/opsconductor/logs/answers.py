"""Answers of a query worker: one function an endpoint, run in a thread, rows in, body out.

Spec: Loki HTTP API. All functions raise errors of ours; `Answers.answer` turns them into bodies.
"""

import time
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qs

import duckdb
import pyarrow as pa

from opsconductor.logql.execute import run
from opsconductor.logql.parser import parse
from opsconductor.logql.request import Budget, QueryParams
from opsconductor.logql.select import match_series, read_labels
from opsconductor.logql.syntax import LogQuery
from opsconductor.logs.encoding import encode_error, encode_result, encode_success
from opsconductor.logs.parameters import (
    Form,
    first,
    parse_bounds,
    parse_instant_query,
    parse_matchers,
    parse_query,
    parse_range_query,
)
from opsconductor.logs.worker_config import WorkerConfig
from opsconductor.model.errors import InputError, OpsConductorError
from opsconductor.serving.errors import describe_error
from opsconductor.serving.worker_protocol import Question
from opsconductor.storage.reader import Reader
from opsconductor_telemetry import get_logger

MAX_FORM_FIELDS: Final = 1000

log = get_logger(__name__)


def parse_form(query: str, body: bytes) -> Form:
    """The parameters of the query string, then those of a form body. Raises InputError."""
    try:
        text = "&".join(part for part in (query, body.decode()) if part)
        return parse_qs(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="strict")
    except ValueError as error:
        raise InputError(f"cannot read the parameters: {error}; send them as a query string or a form") from error


class Answers:
    """Answers questions over one store."""

    def __init__(self, reader: Reader, config: WorkerConfig) -> None:
        self._reader, self._config = reader, config

    def answer(
        self, question: Question, body: bytes, connection: duckdb.DuckDBPyConnection, budget: Budget
    ) -> tuple[int, bytes]:
        """(status, JSON body) of a question; the connection is this call's alone."""
        try:
            return 200, self._answer(question, parse_form(question.query, body), connection, budget)
        except OpsConductorError as error:
            return describe_error(error)[0], encode_error(describe_error(error)[0], str(error))
        except duckdb.OutOfMemoryException:
            message = (
                f"cannot finish the query: it needs more than {self._config.memory_bytes >> 20} MiB of memory;"
                " narrow its range or selector"
            )
            return 422, encode_error(422, message)

    def _answer(self, question: Question, form: Form, connection: duckdb.DuckDBPyConnection, budget: Budget) -> bytes:
        now = time.time_ns()
        endpoint, tenant = question.endpoint, question.tenant
        if endpoint == "query":
            return self._query(tenant, form, question.flags, now, connection, budget)
        if endpoint == "query_range":
            return self._query_range(tenant, form, question.flags, now, connection, budget)
        if endpoint == "series":
            return self._series(tenant, form, now)
        name = endpoint.removeprefix("label/").removesuffix("/values") if endpoint.startswith("label/") else ""
        return self._labels(tenant, form, now, name)

    def _query(
        self, tenant: str, form: Form, flags: str, now: int, connection: duckdb.DuckDBPyConnection, budget: Budget
    ) -> bytes:
        asked = parse_instant_query(form, now)
        expression = parse(asked.query)
        params = QueryParams(asked.time, asked.time, limit=asked.limit, forward=asked.forward, instant=True)
        with self._reader.snapshot(tenant) as snapshot:
            result = run(snapshot, expression, params, connection, budget)
        return encode_result(result, flags.split(","), forward=asked.forward)

    def _query_range(
        self, tenant: str, form: Form, flags: str, now: int, connection: duckdb.DuckDBPyConnection, budget: Budget
    ) -> bytes:
        asked = parse_range_query(form, now)
        expression = parse(asked.query)
        params = QueryParams(asked.start, asked.end, asked.step, asked.limit, asked.forward)
        with self._reader.snapshot(tenant) as snapshot:
            result = run(snapshot, expression, params, connection, budget)
        return encode_result(result, flags.split(","), forward=asked.forward)

    def _labels(self, tenant: str, form: Form, now: int, name: str) -> bytes:
        """Names of labels, or the values of one. An empty store answers [], as clients expect a list."""
        texts = self._match(tenant, form, now, [parse_query(form)] if first(form, "query") else [""])
        labels = [read_labels(text) for text in texts]
        found = {one[name] for one in labels if name in one} if name else {key for one in labels for key in one}
        return encode_success(sorted(found))

    def _series(self, tenant: str, form: Form, now: int) -> bytes:
        texts = self._match(tenant, form, now, parse_matchers(form))
        return encode_success([dict(read_labels(text)) for text in texts])

    def _match(self, tenant: str, form: Form, now: int, selectors: Iterable[str]) -> list[str]:
        """Label texts, sorted, of the series that any of the selectors means; "" means every series."""
        start, end = parse_bounds(form, now)
        if end < start:
            raise InputError("end timestamp must not be before start time")
        parsed = [_parse_selector(text) if text else None for text in selectors]
        with self._reader.snapshot(tenant) as snapshot:
            series: pa.Table = snapshot.list_series(start, end)
        found: set[str] = set()
        for query in parsed:
            found.update(match_series(series, query.matchers if query else ()).column("labels").to_pylist())
        return sorted(found)


def _parse_selector(text: str) -> LogQuery:
    query = parse(text)
    if not isinstance(query, LogQuery) or query.stages:
        raise InputError(
            f'cannot read selector {text}: only label matchers are allowed here, such as {{service="auth"}}'
        )
    return query

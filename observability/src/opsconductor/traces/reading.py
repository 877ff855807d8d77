"""The query API: each request goes as it came to a query worker, whose answer streams back.

A query whose client leaves is cancelled.
"""

import time
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from opsconductor.model.errors import OpsConductorError
from opsconductor.serving.body import ClientLeftError, read_body
from opsconductor.serving.errors import describe_error
from opsconductor.serving.relay import relay_question
from opsconductor.serving.worker_pool import WorkerPool
from opsconductor.serving.worker_protocol import Question
from opsconductor.traces.encoding import encode_error
from opsconductor.traces.figures import Figures
from opsconductor.traces.table import TENANT

MAX_BODY_BYTES: Final = 20 << 20
QUERY_TIMEOUT_S: Final = 60.0
CLIENT_LEFT: Final = 499


class ReadEndpoint:
    """The ASGI app of one read endpoint; `name` is what the query worker calls it."""

    def __init__(self, name: str, find_pool: Callable[[], WorkerPool], figures: Figures) -> None:
        self._name, self._find_pool, self._figures = name, find_pool, figures

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
        # The path's own parameter travels in front of the query string; it is the first of its name.
        query = scope["query_string"].decode("latin-1")
        for name, value in scope["path_params"].items():
            query = f"path.{name}={quote(value, safe='')}&{query}"
        question = Question(self._name, TENANT, query, "", QUERY_TIMEOUT_S)
        try:
            body = await read_body(scope, receive, MAX_BODY_BYTES, "the 20 MiB of a request")
            await relay_question(self._find_pool(), question, body, receive, send)
            return
        except OpsConductorError as error:
            status, headers = describe_error(error)
            message = str(error)
        except TimeoutError:
            status, headers = 504, {}
            message = (
                f"cannot finish the query within {QUERY_TIMEOUT_S:g} s: narrow its time range, or name a service"
            )
        answer = PlainTextResponse(encode_error(self._name, status, message), status, headers)
        await answer(scope, receive, send)

"""The read API: each request goes as it came to a query worker, whose answer streams back.

Nothing is parsed here but the tenant. A query whose client leaves is cancelled. Spec: Loki HTTP API.
"""

import time
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from opsconductor.logs.config import LogsConfig
from opsconductor.logs.encoding import JSON, encode_error
from opsconductor.logs.figures import Figures
from opsconductor.logs.tenants import HEADER as TENANT_HEADER
from opsconductor.logs.tenants import read_tenant
from opsconductor.model.errors import OpsConductorError
from opsconductor.serving.body import ClientLeftError, read_body
from opsconductor.serving.errors import describe_error
from opsconductor.serving.relay import relay_question
from opsconductor.serving.worker_pool import WorkerPool
from opsconductor.serving.worker_protocol import Question

FLAGS_HEADER: Final = "X-Loki-Response-Encoding-Flags"
MAX_FORM_BYTES: Final = 1 << 20
CLIENT_LEFT: Final = 499


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
            await relay_question(self._find_pool(), question, body, receive, send)
        except OpsConductorError as error:
            status, headers = describe_error(error)
            await _send_error(send, status, str(error), headers)
        except TimeoutError:
            limit = f"query_timeout ({self._config.limits.query_timeout / 1e9:g}s)"
            await _send_error(send, 504, f"cannot finish the query within {limit}: narrow its range or selector", {})


async def _send_error(send: Send, status: int, message: str, headers: dict[str, str]) -> None:
    body = encode_error(status, message)
    lines = {"content-type": JSON, "content-length": str(len(body)), **headers}
    encoded = [(name.lower().encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})

"""The read API: each request goes as it came to a query worker. The rules ask the same way."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from opsconductor.metrics.ingest import TENANT
from opsconductor.metrics.query_worker import encode_error
from opsconductor.model.errors import InputError, OpsConductorError
from opsconductor.model.labels import Labels, sort_labels
from opsconductor.serving.body import ClientLeftError, read_body
from opsconductor.serving.errors import describe_error
from opsconductor.serving.query_worker import JSON
from opsconductor.serving.relay import relay_question
from opsconductor.serving.worker_pool import WorkerPool
from opsconductor.serving.worker_protocol import Question

MAX_FORM_BYTES = 1 << 20
TIMEOUT_S = 120.0
"""Prometheus: --query.timeout, 2m."""

TENANT_HEADER = "X-Scope-OrgID"
_TENANT = re.compile(r"[a-zA-Z0-9!_.*'()-]{1,150}")

FindPool = Callable[[], WorkerPool]


def read_tenant(headers: Mapping[str, str]) -> str:
    """The tenant that a request names, else the one that scrapes are stored for. Raises InputError."""
    name = headers.get(TENANT_HEADER) or TENANT
    if not _TENANT.fullmatch(name) or name in (".", ".."):
        raise InputError(f"cannot read tenant: {TENANT_HEADER} must be 1 to 150 letters, digits or !-_.*'()")
    return name


class ReadEndpoint:
    """The ASGI app of one read endpoint. name: its path below /api/v1, with {name} filled in from the path."""

    def __init__(self, name: str, find_pool: FindPool) -> None:
        self._name, self._find_pool = name, find_pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one read."""
        try:
            query = scope["query_string"].decode("latin-1")
            tenant = read_tenant(Headers(scope=scope))
            question = Question(self._name.format(**scope["path_params"]), tenant, query, "", TIMEOUT_S)
            body = await read_body(scope, receive, MAX_FORM_BYTES, "the 1 MiB of a form")
            await relay_question(self._find_pool(), question, body, receive, send)
        except ClientLeftError:
            return
        except TimeoutError:
            await _send_error(send, 503, f"query timed out in expression evaluation ({TIMEOUT_S:g}s); narrow it")
        except OpsConductorError as error:
            await _send_error(send, describe_error(error)[0], str(error))


async def _send_error(send: Send, status: int, message: str) -> None:
    body = encode_error(status, message)
    headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class RuleQuery:
    """The query function that rules are given."""

    def __init__(self, find_pool: FindPool) -> None:
        self._find_pool = find_pool

    async def __call__(self, expression: str, time_s: float) -> list[tuple[Labels, float]]:
        """The instant vector; a scalar is one series without labels. Raises errors of ours."""
        question = Question("query", TENANT, urlencode({"query": expression, "time": f"{time_s:.3f}"}), "", TIMEOUT_S)
        body = bytearray()
        async with self._find_pool().ask(question) as answer:
            part = answer.first
            body += part.body
            while not part.end:
                answer.confirm()
                part = await answer.next_part()
                body += part.body
        reply: dict[str, Any] = orjson.loads(bytes(body))
        if reply["status"] != "success":
            raise InputError(reply["error"])
        data = reply["data"]
        if data["resultType"] == "scalar":
            return [((), float(data["result"][1]))]
        if data["resultType"] != "vector":
            raise InputError(f"cannot evaluate rule: it yields a {data['resultType']}, not a vector")
        return [(sort_labels(one["metric"]), float(one["value"][1])) for one in data["result"]]

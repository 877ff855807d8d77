"""One push to a store, and what its answer means.

Spec: Loki HTTP API "Ingest logs"; X-Opsconductor-Sources and the 409 are ours (ARCHITECTURE, "Exactly once").
"""

import asyncio
import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

import httpx
import orjson

from opsconductor import __version__
from opsconductor.collector.batch import Record
from opsconductor.collector.config import Client
from opsconductor.collector.figures import Figures
from opsconductor.model.address import resolve_url

SOURCES_HEADER = "X-Opsconductor-Sources"

RETRIED = frozenset((401, 403, 404, 405, 407, 408, 425, 429))
"""4xx that say nothing about the batch but about the way there: the lines wait until the way is right."""

ANSWER_CHARS = 1024
"""How much of an answer's text is kept for messages."""


class Verdict(Enum):
    """What becomes of the batch."""

    STORED = "stored"
    RETRY = "retry"
    REFUSED = "refused"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Answer:
    """reason: for messages; status: HTTP's, 0 without an answer; wait: seconds that the store asks for.

    committed: the store's offsets by source id, where they contradict the batch.
    """

    verdict: Verdict
    status: int
    reason: str = ""
    wait: float = 0.0
    committed: Mapping[str, int] = field(default_factory=dict)


class Pusher:
    """The HTTP connection of one client."""

    def __init__(self, client: Client, figures: Figures) -> None:
        self._client, self._figures = client, figures
        self._url = resolve_url(client.url)
        self._host = client.figure_labels[0]
        headers = {"User-Agent": f"opsconductor-collector/{__version__}", **client.headers}
        headers["Content-Type"] = "application/x-protobuf"
        if client.tenant_id:
            headers["X-Scope-OrgID"] = client.tenant_id
        auth = httpx.BasicAuth(client.username, client.password) if client.username else None
        self._http = httpx.AsyncClient(headers=headers, auth=auth, timeout=client.timeout, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def push(self, record: Record) -> Answer:
        """Send the record once."""
        headers = {} if record.bare else {SOURCES_HEADER: encode_sources(record)}
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._client.timeout):
                response = await self._http.post(self._url, content=record.body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            return Answer(Verdict.RETRY, 0, f"{type(error).__name__} {error}".strip())
        self._figures.push_seconds.observe(time.perf_counter() - started, str(response.status_code), self._host)
        return judge(response)


def encode_sources(record: Record) -> str:
    """The header's value: base64 of a JSON list of ranges."""
    ranges = [{"id": item.id, "start": item.start, "end": item.end, "gap": item.gap} for item in record.ranges]
    return base64.b64encode(orjson.dumps(ranges)).decode()


def judge(response: httpx.Response) -> Answer:
    """What an answer means."""
    status = response.status_code
    if 200 <= status < 300:
        return Answer(Verdict.STORED, status)
    reason = f"{status} {response.text[:ANSWER_CHARS].strip()}".strip()
    if status == 409:
        committed = _read_committed(response.content)
        if committed is not None:
            return Answer(Verdict.CONFLICT, status, reason, committed=committed)
    if status >= 500 or status < 400 or status in RETRIED:
        return Answer(Verdict.RETRY, status, reason, wait=_read_wait(response.headers.get("retry-after", "")))
    return Answer(Verdict.REFUSED, status, reason)


def _read_committed(content: bytes) -> dict[str, int] | None:
    try:
        committed = orjson.loads(content)["committed"]
        return {str(key): int(end) for key, end in committed.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _read_wait(text: str) -> float:
    """Seconds of a Retry-After: a number, or a date. Spec: RFC 9110, 10.2.3."""
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0

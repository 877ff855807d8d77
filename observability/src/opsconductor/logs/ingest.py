"""POST /loki/api/v1/push: decoded and checked in a worker thread, acknowledged once it is on disk.

Spec: Loki HTTP API "Ingest logs"; X-Opsconductor-Sources and the 409 are ours (ARCHITECTURE, "Exactly once").
"""

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from opsconductor.logs.admission import Admitted, admit, format_refusals
from opsconductor.logs.config import LogsConfig
from opsconductor.logs.decoding import SIZE_LIMIT_NAME, decode_push
from opsconductor.logs.figures import Figures
from opsconductor.logs.rates import RateLimiter
from opsconductor.logs.series import SeriesCache
from opsconductor.logs.sources import HEADER as SOURCES_HEADER
from opsconductor.logs.sources import parse_sources
from opsconductor.logs.tenants import HEADER as TENANT_HEADER
from opsconductor.logs.tenants import read_tenant
from opsconductor.model.errors import LimitError, OpsConductorError, UnavailableError
from opsconductor.serving.body import ClientLeftError, read_body
from opsconductor.serving.errors import answer_error
from opsconductor.storage.append import Append, SourceConflict
from opsconductor.storage.writer import Writer
from opsconductor_telemetry import get_logger

IN_FLIGHT_BYTES: Final = 256 << 20
"""Bodies being decoded or waiting for the disk, all together; beyond, 503."""


log = get_logger(__name__)


@dataclass(frozen=True)
class _Push:
    """What the worker thread needs of a request."""

    tenant: str
    body: bytes
    content_type: str
    content_encoding: str
    sources: str


class PushEndpoint:
    """The ASGI app of a push. `writer` is None until the write-ahead log has been replayed."""

    def __init__(self, config: LogsConfig, figures: Figures) -> None:
        self._config, self._figures = config, figures
        self.writer: Writer | None = None
        self._cache = SeriesCache(config.limits)
        self._decoder = ThreadPoolExecutor(1, "decode")
        self._rates = RateLimiter(config.limits.ingestion_rate_mb, config.limits.ingestion_burst_size_mb)
        self._in_flight = 0
        self._refusal_logged = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one push."""
        started = time.perf_counter()
        try:
            response = await self._answer(scope, receive)
        except ClientLeftError:
            return
        self._figures.pushes.add(1, str(response.status_code))
        self._figures.push_seconds.observe(time.perf_counter() - started)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        try:
            return await self._take(Headers(scope=scope), scope, receive)
        except SourceConflict as conflict:
            return JSONResponse({"committed": conflict.committed}, 409)
        except OpsConductorError as error:
            return answer_error(error)

    async def _take(self, headers: Headers, scope: Scope, receive: Receive) -> Response:
        if self.writer is None:
            raise UnavailableError("cannot store yet: the write-ahead log is being replayed; try again")
        tenant = read_tenant(headers.get(TENANT_HEADER, ""), auth_enabled=self._config.auth_enabled)
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if self._in_flight > taken and self._in_flight + size > IN_FLIGHT_BYTES:
                raise UnavailableError("cannot store now: too many pushes at the same time; try again")
            self._in_flight += size
            taken += size

        try:
            body = await read_body(scope, receive, self._config.max_recv_msg_size, SIZE_LIMIT_NAME, take)
            push = _Push(
                tenant,
                body,
                headers.get("content-type", ""),
                headers.get("content-encoding", ""),
                headers.get(SOURCES_HEADER, ""),
            )
            return await self._store(self.writer, push)
        finally:
            self._in_flight -= taken

    async def _store(self, writer: Writer, push: _Push) -> Response:
        loop = asyncio.get_running_loop()
        admitted, stored = await loop.run_in_executor(self._decoder, self._append, writer, push)
        if stored is not None:
            await asyncio.wrap_future(stored)
        return self._acknowledge(push.tenant, admitted)

    def _append(self, writer: Writer, push: _Push) -> tuple[Admitted, Future[int] | None]:
        """In the worker thread: everything that touches rows."""
        sources = parse_sources(push.sources)
        limit = self._config.max_recv_msg_size
        decoded = decode_push(push.body, push.content_type, push.content_encoding, limit)
        now, retention = time.time_ns(), self._config.retention_ns
        admitted = admit(decoded, self._cache, self._config.limits, now, now - retention if retention else 0)
        if not admitted.streams and not sources:
            raise LimitError("error at least one valid stream is required for ingestion", "push", 422)
        self._check_rate(push.tenant, admitted)
        if not admitted.rows.num_rows and not sources:
            return admitted, None
        # Sources move also where every line was refused: they were refused for good.
        series = [(one.id, one.text) for one in admitted.series]
        return admitted, writer.append(Append(push.tenant, admitted.rows, series, sources))

    def _check_rate(self, tenant: str, admitted: Admitted) -> None:
        if self._rates.take(tenant, admitted.bytes):
            return
        rate, lines = self._config.limits.ingestion_rate_mb, admitted.rows.num_rows
        self._figures.refused_lines.add(lines, tenant, "rate_limited")
        raise LimitError(
            f"ingestion rate limit exceeded for user {tenant} (limit: {rate} bytes/sec) while attempting to ingest"
            f" '{lines}' lines totaling '{admitted.bytes}' bytes, reduce log volume or raise"
            " limits_config.ingestion_rate_mb",
            "ingestion_rate_mb",
        )

    def _acknowledge(self, tenant: str, admitted: Admitted) -> Response:
        figures = self._figures
        figures.received_lines.add(admitted.rows.num_rows, tenant)
        figures.received_bytes.add(admitted.bytes, tenant)
        if not admitted.refusals:
            return Response(status_code=204)
        for refusal in admitted.refusals:
            figures.refused_lines.add(refusal.entries, tenant, refusal.reason)
        message = format_refusals(admitted.refusals)
        self._log_refusal(tenant, sum(one.entries for one in admitted.refusals), message)
        return PlainTextResponse(f"{message}\n", 400)

    def _log_refusal(self, tenant: str, lines: int, message: str) -> None:
        """At most one line a second: our own log is read by the collector and comes back here."""
        now = time.monotonic()
        if now - self._refusal_logged >= 1:
            self._refusal_logged = now
            log.warning("lines refused", tenant=tenant, lines=lines, reason=message)

    def close(self) -> None:
        """End the worker thread."""
        self._decoder.shutdown(wait=True, cancel_futures=True)

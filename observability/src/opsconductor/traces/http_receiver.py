"""POST /v1/traces: protobuf or JSON, gzip or deflate; answers and errors in the request's own form.

Spec: OTLP/HTTP.
"""

import asyncio
import time
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from email.message import Message
from typing import Final

import orjson
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from opsconductor.model.errors import InputError, LimitError, OpsConductorError, UnavailableError
from opsconductor.serving.body import ClientLeftError, read_body
from opsconductor.serving.errors import BodyTooLargeError, describe_error
from opsconductor.traces.admission import Admitted
from opsconductor.traces.figures import Figures
from opsconductor.traces.ingest import Ingest, Outcome
from opsconductor.traces.json_decoding import encode_json_request
from opsconductor.traces.messages import message_type

PATH: Final = "/v1/traces"
SIZE_LIMIT_NAME: Final = "receivers.otlp.protocols.http.max_request_body_size"
IN_FLIGHT_BYTES: Final = 128 << 20
"""Bodies being decoded or waiting for the disk, all together; beyond, 503."""

PROTOBUF, JSON = "application/x-protobuf", "application/json"
_RPC_CODES: Final = {400: 3, 413: 8, 415: 3, 429: 14, 503: 14}
"""HTTP status → google.rpc code: INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE."""


class HttpReceiver:
    """The ASGI app of the OTLP/HTTP listener. limit: bytes of a body, also once it is decompressed."""

    def __init__(self, ingest: Ingest, limit: int, figures: Figures) -> None:
        self._ingest, self._limit, self._figures = ingest, limit, figures
        self._decoder = ThreadPoolExecutor(1, "decode")
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] != PATH:
            await PlainTextResponse("404 page not found\n", 404)(scope, receive, send)
            return
        if scope["method"] != "POST":
            await PlainTextResponse("405 method not allowed, supported: [POST]\n", 405)(scope, receive, send)
            return
        started = time.perf_counter()
        try:
            response = await self._answer(scope, receive)
        except ClientLeftError:
            return
        self._figures.requests.add(1, "http", str(response.status_code))
        self._figures.request_seconds.observe(time.perf_counter() - started, "http")
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        headers = Headers(scope=scope)
        media_type = read_media_type(headers.get("content-type", ""))
        if media_type not in (PROTOBUF, JSON):
            return PlainTextResponse(f"415 unsupported media type, supported: [{JSON}, {PROTOBUF}]\n", 415)
        try:
            outcome = await self._take(headers.get("content-encoding", ""), media_type, scope, receive)
        except OpsConductorError as error:
            status, more = describe_error(error)
            return Response(encode_status(status, str(error), media_type), status, more, media_type=media_type)
        body = outcome.encode() if media_type == PROTOBUF else _encode_json(outcome)
        return Response(body, media_type=media_type)

    async def _take(self, encoding: str, media_type: str, scope: Scope, receive: Receive) -> Outcome:
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if self._in_flight > taken and self._in_flight + size > IN_FLIGHT_BYTES:
                raise UnavailableError("cannot store now: too many requests at the same time; try again")
            self._in_flight += size
            taken += size

        try:
            body = await read_body(scope, receive, self._limit, SIZE_LIMIT_NAME, take)
            loop = asyncio.get_running_loop()
            admitted, stored = await loop.run_in_executor(self._decoder, self._append, body, encoding, media_type)
            if stored is not None:
                await asyncio.wrap_future(stored)
            return self._ingest.acknowledge(admitted)
        finally:
            self._in_flight -= taken

    def _append(self, body: bytes, encoding: str, media_type: str) -> tuple[Admitted, Future[int] | None]:
        """In the worker thread: everything that touches spans."""
        plain = decompress(body, encoding, self._limit)
        return self._ingest.append(encode_json_request(plain) if media_type == JSON else plain)

    def close(self) -> None:
        """End the worker thread."""
        self._decoder.shutdown(wait=True, cancel_futures=True)


def read_media_type(content_type: str) -> str:
    """The media type without parameters; "" where there is none."""
    header = Message()
    header["Content-Type"] = content_type
    return header.get_content_type() if content_type else ""


def encode_status(status: int, message: str, media_type: str) -> bytes:
    """A google.rpc.Status in the request's form."""
    code = _RPC_CODES.get(status, 13)
    if media_type == JSON:
        return orjson.dumps({"code": code, "message": message})
    encoded: bytes = message_type("RpcStatus")(code=code, message=message).SerializeToString()
    return encoded


def _encode_json(outcome: Outcome) -> bytes:
    refused = {"rejectedSpans": str(outcome.refused), "errorMessage": outcome.reason} if outcome.refused else {}
    return orjson.dumps({"partialSuccess": refused})


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The plain bytes of "", gzip and deflate (zlib). Raises InputError, BodyTooLargeError, LimitError (415)."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise LimitError(f'cannot decompress: Content-Encoding "{encoding}" is not supported; send gzip', "", 415)
    plain, rest = bytearray(), body
    try:
        while rest:
            decoder = zlib.decompressobj(47)  # either header
            plain += decoder.decompress(rest, limit + 1 - len(plain))
            if len(plain) > limit:
                raise BodyTooLargeError(limit, SIZE_LIMIT_NAME)
            if not decoder.eof:
                raise InputError("cannot decompress: unexpected end of the body")
            rest = decoder.unused_data
    except zlib.error as error:
        raise InputError(f"cannot decompress: {error}") from error
    return bytes(plain)

"""What the writer and a query worker say to each other over their socket pair.

A frame is two uint32 (little endian), the sizes of a JSON header and of a body, then both. Headers hold:

    {"kind": "ready"}                                worker → writer, once
    {"id", "kind": "ask", "question": Question}      body: the form-encoded body of the request
    {"id", "kind": "cancel"}                         the client left or the time is up
    {"id", "kind": "credit"}                         one part of the answer has gone to the client
    {"id", "kind": "part", "status", "type", "end"}  body: a part of the answer; `end` on the last

A worker has at most WINDOW parts of an answer under way: a slow client stops its own answer and nothing else. The
end of the stream ends the worker.
"""

import asyncio
import struct
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

WINDOW: Final = 10
PART_BYTES: Final = 256 * 1024
MAX_HEADER_BYTES: Final = 1 << 20
MAX_BODY_BYTES: Final = 64 << 20

_SIZES: Final = struct.Struct("<II")


@dataclass(frozen=True)
class Question:
    """One request: `endpoint` is the path below the API's prefix, `query` the raw query string.

    flags: the response encoding flags; timeout_s: how long the answer may take.
    """

    endpoint: str
    tenant: str
    query: str
    flags: str
    timeout_s: float


@dataclass(frozen=True)
class Frame:
    """A header and a body."""

    header: dict[str, Any]
    body: bytes = b""


class ProtocolError(Exception):
    """The other side sent what is no frame."""


def ask_frame(number: int, question: Question, body: bytes) -> Frame:
    """The frame that asks a worker."""
    return Frame({"id": number, "kind": "ask", "question": asdict(question)}, body)


def encode_frame(frame: Frame) -> bytes:
    """The bytes of a frame."""
    header = orjson.dumps(frame.header)
    return _SIZES.pack(len(header), len(frame.body)) + header + frame.body


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """The next frame; None at the end of the stream, also in the middle of a frame. Raises ProtocolError."""
    try:
        header_size, body_size = _SIZES.unpack(await reader.readexactly(_SIZES.size))
        if header_size > MAX_HEADER_BYTES or body_size > MAX_BODY_BYTES:
            raise ProtocolError(f"cannot read a frame: sizes {header_size} and {body_size} are beyond the limits")
        header = await reader.readexactly(header_size)
        body = await reader.readexactly(body_size) if body_size else b""
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    try:
        return Frame(orjson.loads(header), body)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(f"cannot read a frame: {error}") from error

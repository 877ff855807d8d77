"""How a box is asked whether it is well: one short connection, no client library.

A probe answers None (ready) or a Complaint. Silent means that nothing answered at all; a box that answers
"not ready" is alive and is left to recover by itself.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from opsconductor.cli.passwords import read_password

TIMEOUT_S = 4.0
READ_BYTES = 4096


@dataclass(frozen=True)
class Complaint:
    """Why a box is not ready."""

    reason: str
    silent: bool


Probe = Callable[[], Awaitable[Complaint | None]]


async def _ask(port: int, request: bytes, to_end: bool) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        answer = data = await reader.read(READ_BYTES)
        while to_end and data and len(answer) < READ_BYTES:
            data = await reader.read(READ_BYTES)
            answer += data
        return answer
    finally:
        writer.close()


async def _ask_within(
    port: int, request: bytes, to_end: bool = True, timeout_s: float = TIMEOUT_S
) -> bytes | Complaint:
    """The beginning of the answer (to_end: up to where the server closes), or why there is none."""
    try:
        return await asyncio.wait_for(_ask(port, request, to_end), timeout_s)
    except TimeoutError:
        return Complaint(f"port {port} does not answer within {timeout_s:g} s", silent=True)
    except OSError as error:
        return Complaint(f"port {port}: {error.strerror or error}", silent=True)


def probe_http(port: int, path: str = "/ready", timeout_s: float = TIMEOUT_S) -> Probe:
    """Ready when GET path answers 2xx."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()

    async def probe() -> Complaint | None:
        answer = await _ask_within(port, request, timeout_s=timeout_s)
        if isinstance(answer, Complaint):
            return answer
        head, _, body = answer.partition(b"\r\n\r\n")
        status = head.partition(b"\r\n")[0]
        if status.startswith(b"HTTP/1.") and status[9:10] == b"2":
            return None
        said = body.decode(errors="replace").strip()
        return Complaint(f"GET {path} answers {status[9:].decode(errors='replace')}: {said[:200]}", silent=not status)

    return probe


def probe_postgres(port: int) -> Probe:
    """Ready when the server asks for a password ("R"); while it recovers it answers an error ("E").

    Wire: PostgreSQL, "Message Formats", StartupMessage of protocol 3.0.
    """
    parameters = b"user\0opsconductor\0database\0postgres\0application_name\0supervisor\0\0"
    request = struct.pack("!II", 8 + len(parameters), 196608) + parameters

    async def probe() -> Complaint | None:
        answer = await _ask_within(port, request, to_end=False)
        if isinstance(answer, Complaint):
            return answer
        if answer[:1] == b"R":
            return None
        fields = [part[1:].decode(errors="replace") for part in answer[5:].split(b"\0") if part[:1] == b"M"]
        return Complaint(" ".join(fields) or "no PostgreSQL answer", silent=not answer)

    return probe


def _encode_redis(*words: str) -> bytes:
    """One command. Wire: Redis serialization protocol, an array of bulk strings."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


def probe_redis(port: int, password_file: Path) -> Probe:
    """Ready when PING answers PONG; while it loads its file it answers an error."""

    async def probe() -> Complaint | None:
        commands = (("AUTH", read_password(password_file)), ("PING",), ("QUIT",))
        answer = await _ask_within(port, b"".join(_encode_redis(*words) for words in commands))
        if isinstance(answer, Complaint):
            return answer
        if b"+PONG" in answer:
            return None
        return Complaint(answer.decode(errors="replace").strip()[:200] or "no answer", silent=not answer)

    return probe

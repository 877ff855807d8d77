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
        if not request:
            return b""
        writer.write(request)
        await writer.drain()
        answer = data = await reader.read(READ_BYTES)
        while to_end and data and len(answer) < READ_BYTES:
            data = await reader.read(READ_BYTES)
            answer += data
        return answer
    finally:
        writer.close()


async def _ask_within(port: int, request: bytes, to_end: bool = True) -> bytes | Complaint:
    """The beginning of the answer (to_end: up to where the server closes), or why there is none."""
    try:
        return await asyncio.wait_for(_ask(port, request, to_end), TIMEOUT_S)
    except TimeoutError:
        return Complaint(f"port {port} does not answer within {TIMEOUT_S:g} s", silent=True)
    except OSError as error:
        return Complaint(f"port {port}: {error.strerror or error}", silent=True)


def probe_http(port: int, path: str = "/ready") -> Probe:
    """Ready when GET path answers 2xx."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()

    async def probe() -> Complaint | None:
        answer = await _ask_within(port, request)
        if isinstance(answer, Complaint):
            return answer
        status, _, rest = answer.partition(b"\r\n")
        if status.startswith(b"HTTP/1.") and status[9:10] == b"2":
            return None
        body = rest.partition(b"\r\n\r\n")[2].decode(errors="replace").strip()
        return Complaint(f"GET {path} answers {status[9:].decode(errors='replace')}: {body[:200]}", silent=not status)

    return probe


def probe_tcp(port: int) -> Probe:
    """Ready when the port accepts a connection."""

    async def probe() -> Complaint | None:
        answer = await _ask_within(port, b"")
        return answer if isinstance(answer, Complaint) else None

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


def probe_redis(port: int, password_file: Path) -> Probe:
    """Ready when PING answers PONG; while it loads its file it answers an error."""

    async def probe() -> Complaint | None:
        answer = await _ask_within(port, f"AUTH {read_password(password_file)}\r\nPING\r\nQUIT\r\n".encode())
        if isinstance(answer, Complaint):
            return answer
        if b"+PONG" in answer:
            return None
        return Complaint(answer.decode(errors="replace").strip()[:200] or "no answer", silent=not answer)

    return probe

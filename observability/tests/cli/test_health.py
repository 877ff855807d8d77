import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from opsconductor.cli.health import Complaint, probe_http, probe_postgres, probe_redis


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that says this to everybody: its port, and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


async def test_http_ready() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\nready") as (port, asked):
        assert await probe_http(port)() is None
    assert asked[0].startswith(b"GET /ready HTTP/1.1\r\n")


async def test_http_not_ready_says_what_is_missing() -> None:
    async with answering(b'HTTP/1.1 503 Service Unavailable\r\n\r\n{"missing": "redis"}') as (port, _):
        complaint = await probe_http(port)()
    assert complaint == Complaint('GET /ready answers 503 Service Unavailable: {"missing": "redis"}', silent=False)


@pytest.mark.parametrize("make", [probe_http, probe_postgres])
async def test_nobody_there(make: type, port: int) -> None:
    complaint = await make(port)()
    assert complaint is not None
    assert complaint.silent


async def test_an_answer_that_does_not_come() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await probe_http(port, timeout_s=0.1)() == Complaint(
            f"port {port} does not answer within 0.1 s", silent=True
        )


async def test_postgres_asks_for_a_password() -> None:
    async with answering(b"R" + struct.pack("!II", 23, 10) + b"SCRAM-SHA-256\0\0") as (port, asked):
        assert await probe_postgres(port)() is None
    assert struct.unpack("!I", asked[0][:4])[0] == len(asked[0])


async def test_postgres_that_starts_says_so() -> None:
    fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
    async with answering(b"E" + struct.pack("!I", 4 + len(fields)) + fields) as (port, _):
        assert await probe_postgres(port)() == Complaint("the database system is starting up", silent=False)


async def test_redis(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    async with answering(b"+OK\r\n+PONG\r\n+OK\r\n") as (port, asked):
        assert await probe_redis(port, password)() is None
    assert asked[0].startswith(b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*1\r\n$4\r\nPING\r\n")
    async with answering(b"+OK\r\n-LOADING Redis is loading the dataset in memory\r\n+OK\r\n") as (port, _):
        complaint = await probe_redis(port, password)()
    assert complaint is not None
    assert "LOADING" in complaint.reason
    assert not complaint.silent

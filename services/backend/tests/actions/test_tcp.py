"""Action `tcp`, against real sockets."""

import socket

import pytest
from support.servers import find_free_port

from backend_service.actions import Endpoint, TcpAction


async def test_an_open_port_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for kind, address in (("tcp", f"127.0.0.1:{port}"), ("http", f"http://127.0.0.1:{port}/path")):
            outcome = await TcpAction(kind="tcp").run(Endpoint(1, "t", kind, address))
            assert (outcome.succeeded, outcome.detail) == (True, f"connected to 127.0.0.1:{port}")
        monkeypatch.setenv("OPSCONDUCTOR_ADDRESSES", f'{{"redis:6379": "127.0.0.1:{port}"}}')
        assert (await TcpAction(kind="tcp").run(Endpoint(1, "t", "tcp", "redis:6379"))).succeeded


async def test_a_closed_port_fails() -> None:
    port = find_free_port()
    outcome = await TcpAction(kind="tcp").run(Endpoint(1, "t", "tcp", f"127.0.0.1:{port}"))
    assert not outcome.succeeded
    assert outcome.detail.startswith(f"cannot connect to 127.0.0.1:{port}: ")


async def test_a_host_has_no_port() -> None:
    outcome = await TcpAction(kind="tcp").run(Endpoint(1, "t", "host", "box"))
    assert (outcome.succeeded, "has no port" in outcome.detail) == (False, True)


@pytest.mark.parametrize(
    ("kind", "address", "where"),
    [
        ("http", "http://a/x", ("a", 80)),
        ("http", "https://a", ("a", 443)),
        ("http", "http://[::1]:8", ("::1", 8)),
        ("tcp", "[::1]:8", ("::1", 8)),
    ],
)
def test_where_a_target_listens(kind: str, address: str, where: tuple[str, int]) -> None:
    assert Endpoint(1, "t", kind, address).locate_port() == where

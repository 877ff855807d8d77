"""One listener under uvicorn (httptools, uvloop): binds first, serves until SIGTERM, ends within seconds."""

import asyncio
import errno
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from opsconductor.model.errors import ConfigError

DRAIN_S: Final = 2
"""How long running requests may go on after SIGTERM."""

BACKLOG: Final = 1024
WEBSOCKET_MESSAGE_BYTES: Final = 64 * 1024
"""What a client may send over a WebSocket in one message; ours are read-only streams."""


class ListenError(ConfigError):
    """The listen address cannot be had; the role exits with status 2."""


def bind_listener(listen: tuple[str, int]) -> socket.socket:
    """A listening TCP socket of (host, port); port 0 picks a free one. Raises ListenError."""
    host, port = listen
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ListenError(
                f"cannot listen on {host}:{port}: the port is in use; stop the program that holds it"
                " or choose another with --listen HOST:PORT"
            ) from error
        reason = os.strerror(error.errno or 0)
        raise ListenError(
            f"cannot listen on {host}:{port}: {reason}; choose another with --listen HOST:PORT"
        ) from error
    listener.setblocking(False)
    return listener


def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    start: Callable[[], Awaitable[None]],
    stop: Callable[[], Awaitable[None]],
    drain: Callable[[], None] = lambda: None,
    others: Sequence[socket.socket] = (),
) -> None:
    """Serve until SIGTERM or SIGINT.

    start runs in the event loop once requests are already answered (so that /ready can say what is missing); an
    error of it ends the server and is raised here. drain runs when the signal arrives, before running requests are
    waited for (end streams there); stop runs after them. others: further listeners of the same app, which tells them
    apart by scope["server"].
    """
    server = _Server(_configure(app), drain)
    logging.getLogger("uvicorn.error").addFilter(_is_worth_reading)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has shut down; here that only asks again for the same end.
        signal.signal(number, server.handle_exit)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(_run(server, [listener, *others], start, stop))


def _is_worth_reading(record: logging.LogRecord) -> bool:
    """False for what uvicorn says of every WebSocket that was refused with an answer of ours."""
    return record.getMessage() != "ASGI callable returned without completing handshake."


def _configure(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        loop="uvloop",
        ws="websockets-sansio",
        ws_max_size=WEBSOCKET_MESSAGE_BYTES,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=DRAIN_S,
        backlog=BACKLOG,
    )


class _Server(uvicorn.Server):
    """uvicorn's server, telling the role when it begins to shut down."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the role's streams, then what uvicorn does."""
        self._drain()
        await super().shutdown(sockets)


async def _run(
    server: _Server,
    listeners: list[socket.socket],
    start: Callable[[], Awaitable[None]],
    stop: Callable[[], Awaitable[None]],
) -> None:
    async def begin() -> None:
        try:
            await start()
        except BaseException:
            server.should_exit = True
            raise

    starting = asyncio.create_task(begin())
    try:
        await server.serve(sockets=listeners)
    finally:
        starting.cancel()
        (result,) = await asyncio.gather(starting, return_exceptions=True)
        await stop()
    if isinstance(result, Exception):
        raise result

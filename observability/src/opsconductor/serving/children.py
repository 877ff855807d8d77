"""Child processes over socket pairs: started, restarted with back-off, ended by closing the socket.

A child ends by itself when its socket does, so that not even `kill -9` of the writer leaves one behind.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import orjson

from opsconductor.serving.counters import Counter
from opsconductor_telemetry import get_logger, shutdown

FIRST_BACKOFF_S: Final = 0.1
LAST_BACKOFF_S: Final = 10.0
HEALTHY_S: Final = 30.0
"""A child that lived this long is restarted without delay."""

DUE_POLL_S: Final = 1.0
"""How often a child that runs when it is due is asked for."""

END_S: Final = 1.5
"""How long a child may take to end after its socket closed; then it is killed."""

log = get_logger(__name__)


class Child:
    """A running child: its process and the writer's end of the socket."""

    def __init__(self, module: str, config: object) -> None:
        ours, theirs = socket.socketpair()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), orjson.dumps(config).decode()],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self.socket = ours

    def kill(self) -> None:
        """End the child at once."""
        self.process.kill()


Converse = Callable[[Child], Awaitable[None]]


async def keep_child(name: str, module: str, config: object, converse: Converse, restarts: Counter) -> None:
    """Run a child for ever: start it, converse over its socket until that returns, start it again.

    config: a dataclass, which the child reads with begin_child(). Cancelling ends the child, within END_S.
    """
    loop = asyncio.get_running_loop()
    backoff = FIRST_BACKOFF_S
    while True:
        started = loop.time()
        try:
            child = Child(module, config)
        except OSError as error:
            log.warning("child not started", child=name, reason=str(error))
        else:
            try:
                await converse(child)
            finally:
                child.socket.close()
                await asyncio.shield(asyncio.ensure_future(_reap(child)))
            log.warning("child ended", child=name, status=child.process.returncode)
        restarts.add(1, name)
        backoff = FIRST_BACKOFF_S if loop.time() - started > HEALTHY_S else min(backoff * 2, LAST_BACKOFF_S)
        await asyncio.sleep(backoff)


async def run_child_when(
    is_due: Callable[[], bool], name: str, module: str, config: object, restarts: Counter
) -> None:
    """Run a child that works and ends by itself, each time that it is due. Cancelling ends it, within END_S.

    One that fails is tried again with back-off, due or not.
    """
    backoff = FIRST_BACKOFF_S
    failed = False
    while True:
        if failed or is_due():
            try:
                child = Child(module, config)
            except OSError as error:
                log.warning("child not started", child=name, reason=str(error))
                failed = True
            else:
                try:
                    await wait_for_end(child)
                finally:
                    child.socket.close()
                    await asyncio.shield(asyncio.ensure_future(_reap(child)))
                failed = child.process.returncode != 0
            if failed:
                log.warning("child failed", child=name)
                restarts.add(1, name)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, LAST_BACKOFF_S)
            else:
                backoff = FIRST_BACKOFF_S
        await asyncio.sleep(DUE_POLL_S)


async def wait_for_end(child: Child) -> None:
    """The conversation with a child that only works: nothing is said until it ends."""
    reader, writer = await asyncio.open_connection(sock=child.socket)
    try:
        with suppress(ConnectionError):
            await reader.read()
    finally:
        writer.close()


async def _reap(child: Child) -> None:
    deadline = asyncio.get_running_loop().time() + END_S
    while child.process.poll() is None:
        if asyncio.get_running_loop().time() > deadline:
            child.kill()
        await asyncio.sleep(0.02)


def begin_child(nice: int) -> tuple[socket.socket, dict[str, Any]]:
    """In a child: the socket to the writer and the configuration, from the command line; at a lower priority.

    The socket, not a signal, ends a child: Ctrl-C reaches the whole group, and the writer still needs its children.
    """
    os.nice(nice)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    handle, config = sys.argv[-2:]
    return socket.socket(fileno=int(handle)), orjson.loads(config)


def watch_parent(channel: socket.socket, stop: threading.Event, grace_s: float) -> None:
    """In a child that only works: set `stop` when the writer is gone, and end the process grace_s later."""

    def watch() -> None:
        with suppress(OSError):
            while channel.recv(4096):
                pass
        stop.set()
        threading.Event().wait(grace_s)
        shutdown(timeout_s=0.2)
        os._exit(0)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()

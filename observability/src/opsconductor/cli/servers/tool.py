"""Runs a server's helper program (initdb and the like) to its end."""

import asyncio
import os
import signal
from collections.abc import Mapping

from opsconductor.cli.servers.privileges import Privileges
from opsconductor.model.errors import OpsConductorError

TIMEOUT_S = 180.0
LAST_LINES = 5


class ServerError(OpsConductorError):
    """A server's helper program failed."""


def plain_environment() -> dict[str, str]:
    """What a server's program may know of the user's environment."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}


async def run_tool(
    what: str, argv: tuple[str, ...], privileges: Privileges, text: str = "", environment: Mapping[str, str] = {}
) -> str:
    """Run it with text on its standard input; returns its output, raises ServerError with its last lines.

    It ends with us, and when the task is cancelled. text is never shown: it may hold a password.
    """
    process = await asyncio.create_subprocess_exec(
        *privileges.wrap(argv),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        env={**plain_environment(), **environment},
        cwd="/",
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(text.encode()), TIMEOUT_S)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    said = output.decode(errors="replace")
    if process.returncode:
        last = " / ".join(line.strip() for line in said.strip().splitlines()[-LAST_LINES:])
        raise ServerError(f"cannot {what}: {last or f'exit status {process.returncode}'}")
    return said

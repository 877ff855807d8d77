"""Action `command`: a program on the worker's machine; succeeds when it ends with 0."""

import asyncio
import os
import signal
from typing import Annotated, Literal

from pydantic import Field

from backend_service.actions.outcome import OUTPUT_LIMIT, Endpoint, Outcome, decode_output
from backend_service.schemas.base import Body, Text

DRAIN_S = 0.5
REAP_S = 2.0


class CommandAction(Body):
    """A program and its arguments, without a shell, in a process group of its own.

    Its environment is PATH, LANG, TARGET_NAME and TARGET_ADDRESS; standard input is empty, standard error goes with
    standard output. The whole group is killed when the program has ended, at the timeout, when
    the worker stops and when it dies.
    """

    kind: Literal["command"]
    argv: Annotated[list[Annotated[Text, Field(max_length=32_768)]], Field(min_length=1, max_length=256)]
    timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 60

    async def run(self, target: Endpoint) -> Outcome:
        """Run the program; `output` is its first 64 KiB."""
        # A pipe of our own: asyncio's wait() would also wait for whoever inherited the program's output.
        read_end, write_end = os.pipe()
        content = bytearray()
        reading = asyncio.create_task(collect_output(read_end, content))
        try:
            process = await self._start(target, write_end)
        except OSError as error:
            return Outcome(succeeded=False, detail=f"cannot run {self.argv[0]}: {error.strerror or error}")
        finally:
            os.close(write_end)
        guard = None
        ended = False
        try:
            guard = await start_guard(process.pid)
            async with asyncio.timeout(self.timeout_s):
                await process.wait()
                ended = True
        except TimeoutError:
            pass  # `ended` says it
        finally:
            kill_group(process.pid)
            await asyncio.shield(finish(process, guard, reading))
        output = decode_output(bytes(content))
        if not ended:
            return Outcome(
                succeeded=False, detail=f"{self.argv[0]}: killed after {self.timeout_s:g} s", output=output
            )
        return Outcome(
            succeeded=process.returncode == 0,
            detail=f"{self.argv[0]}: {describe_end(process.returncode or 0)}",
            output=output,
        )

    async def _start(self, target: Endpoint, output: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            cwd="/",
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "LANG": "C.UTF-8",
                "TARGET_NAME": target.name,
                "TARGET_ADDRESS": target.address,
            },
            start_new_session=True,
        )


async def start_guard(group: int) -> asyncio.subprocess.Process:
    """A process that kills the group when the worker dies, however it dies: its standard input then ends."""
    return await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        'read -r _; kill -s KILL -- "-$1"',
        "guard",
        str(group),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


async def collect_output(read_end: int, content: bytearray) -> None:
    """Read to the end, so that the program never blocks, and keep one byte more than fits the output."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
    )
    try:
        while piece := await reader.read(OUTPUT_LIMIT):
            content += piece[: OUTPUT_LIMIT + 1 - len(content)]
    finally:
        transport.close()


async def finish(
    process: asyncio.subprocess.Process, guard: asyncio.subprocess.Process | None, reading: asyncio.Task[None]
) -> None:
    """Reap the killed program and its guard, within a bound: what left the group may hold the pipe for ever."""
    ending = [asyncio.create_task(process.wait())]
    if guard is not None:
        guard.kill()
        ending.append(asyncio.create_task(guard.wait()))
    await asyncio.wait(ending, timeout=REAP_S)
    await asyncio.wait([reading], timeout=DRAIN_S)
    reading.cancel()


def kill_group(group: int) -> None:
    """Kill every process of the group that is left."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # all have ended, or what is left runs as another user


def describe_end(code: int) -> str:
    """`ended with 3`, `killed by signal 15 (Terminated)`."""
    return f"killed by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"ended with {code}"

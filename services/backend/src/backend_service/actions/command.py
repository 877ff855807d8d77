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
    standard output. The whole group is killed when the program has ended, at the timeout, and when the worker stops.
    """

    kind: Literal["command"]
    argv: Annotated[list[Annotated[Text, Field(max_length=32_768)]], Field(min_length=1, max_length=256)]
    timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 60

    async def run(self, target: Endpoint) -> Outcome:
        """Run the program; `output` is its first 64 KiB."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
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
        except OSError as error:
            return Outcome(succeeded=False, detail=f"cannot run {self.argv[0]}: {error.strerror or error}")
        content = bytearray()
        reading = asyncio.create_task(collect_output(process, content))
        ended = False
        try:
            async with asyncio.timeout(self.timeout_s):
                await process.wait()
                ended = True
        except TimeoutError:
            pass  # `ended` says it
        finally:
            kill_group(process.pid)
            await asyncio.shield(finish(process, reading))
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


async def collect_output(process: asyncio.subprocess.Process, content: bytearray) -> None:
    """Read to the end, so that the program never blocks, and keep one byte more than fits the output."""
    if process.stdout is None:
        return
    while piece := await process.stdout.read(OUTPUT_LIMIT):
        content += piece[: OUTPUT_LIMIT + 1 - len(content)]


async def finish(process: asyncio.subprocess.Process, reading: asyncio.Task[None]) -> None:
    """Reap the killed program, within a bound: what left its group may hold the pipe for ever."""
    await asyncio.wait([asyncio.create_task(process.wait())], timeout=REAP_S)
    await asyncio.wait([reading], timeout=DRAIN_S)
    reading.cancel()


def kill_group(group: int) -> None:
    """Kill every process of the group that is left."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # all have ended, or what is left runs as another user


def describe_end(code: int) -> str:
    """`ended with 3`, `killed by SIGTERM`."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

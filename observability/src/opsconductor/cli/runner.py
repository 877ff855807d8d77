"""One box's life under its supervisor: start, watch, restart with back-off, stop."""

import asyncio
import fcntl
import os
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from opsconductor.cli.box import BoxSpec, BoxStatus, State
from opsconductor.cli.eventlog import EventLog
from opsconductor.cli.health import Complaint
from opsconductor.cli.logfile import BoxLog, Stream
from opsconductor.cli.process import identify, kill_group
from opsconductor.model.errors import OpsConductorError

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
HEALTHY_MINUTE_S = 60.0
CRASH_LOOP = 3
NEED_PATIENCE_S = 30.0
PROBE_STARTING_S = 0.1
PROBE_UNHEALTHY_S = 0.5
PIPE_BYTES = 1024 * 1024
READ_BYTES = 256 * 1024

T = TypeVar("T")


class Stopping(Exception):  # noqa: N818  (not an error: the supervisor is told to stop)
    """Unwinds whatever the box was doing."""


def describe_exit(code: int) -> str:
    """What the kernel said at the end of a process."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with exit status {code}"


class BoxRunner:
    """Runs one box until stop() is called. The file of the box and its status outlive each of its processes."""

    def __init__(self, spec: BoxSpec, log: BoxLog, events: EventLog, on_change: Callable[[], None]) -> None:
        self.spec = spec
        self.log = log
        self.settled = asyncio.Event()
        self.ended = asyncio.Event()
        self.status = BoxStatus(spec.name, spec.cluster, spec.port, spec.url, log=str(log.file.path))
        self._events = events
        self._on_change = on_change
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._process: Process | None = None
        self._failures = 0
        self._healthy_since = 0.0

    async def run(self, needs: list["BoxRunner"]) -> None:
        """Live until told to stop; needs: the runners of the boxes to start after."""
        try:
            await self._unless_stopping(self._await_needs(needs))
            while True:
                await self._live_once()
                pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (self._failures - 1))
                self._events.warning("box restarts", box=self.spec.name, reason=self.status.last_error, pause_s=pause)
                await self._unless_stopping(asyncio.sleep(pause))
                self.status.restarts += 1
        except Stopping:
            self._set(State.STOPPED)
        finally:
            self.ended.set()

    async def _await_needs(self, needs: list["BoxRunner"]) -> None:
        """Until each is healthy or crashes, within bounds: every box of ours can wait for another by itself."""
        waiting = asyncio.gather(*(need.settled.wait() for need in needs))
        try:
            await asyncio.wait_for(waiting, NEED_PATIENCE_S)
        except TimeoutError:
            self._events.warning("box starts without what it needs", box=self.spec.name, needs=self.spec.needs)

    def stop(self) -> None:
        """Ask for the end; a second call does not wait for politeness."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    async def _unless_stopping(self, work: Coroutine[Any, Any, T]) -> T:
        """The work's result; Stopping (and the work cancelled) when stop() comes first."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                raise Stopping
            return await task
        finally:
            for one in (task, stop):
                one.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    async def _live_once(self) -> None:
        """One start, and everything up to its end; failures are counted and described, never raised."""
        self._healthy_since = 0.0
        try:
            if self.spec.prepare:
                self._set(State.PREPARING)
                await self._unless_stopping(self.spec.prepare())
            process = await self._spawn()
            reason = await self._attend(process)
        except Stopping:
            raise
        except (OSError, OpsConductorError) as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001  (a mistake of ours in one box must not end the others)
            reason = f"cannot run {self.spec.name}: {error!r}"
        if self._healthy_since and time.monotonic() - self._healthy_since >= HEALTHY_MINUTE_S:
            self._failures = 0
        self._failures += 1
        self.status.last_error, self.status.last_line = reason, self.log.last_line
        if self._failures >= CRASH_LOOP:
            self.settled.set()
        self._set(State.CRASHING if self._failures >= CRASH_LOOP else State.RESTARTING)

    async def _spawn(self) -> Process:
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            pass  # a user's budget of pipe buffers is used up: the default size does as well
        try:
            process = await asyncio.create_subprocess_exec(
                *self.spec.privileges.wrap(self.spec.argv, self.spec.on_orphan),
                stdin=DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                cwd="/",
                env=dict(self.spec.environment),
            )
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        os.set_blocking(reading, False)
        asyncio.get_running_loop().add_reader(reading, self._drain, reading, Stream(self.log))
        self._process = process
        identity = identify(process.pid)
        self.status.pid, self.status.start = process.pid, identity.start if identity else 0
        self._set(State.STARTING)
        self._events.info("box started", box=self.spec.name, pid=process.pid)
        return process

    def _drain(self, reading: int, stream: Stream) -> None:
        try:
            data = os.read(reading, READ_BYTES)
        except BlockingIOError:
            return
        if data:
            stream.feed(data)
            return
        asyncio.get_running_loop().remove_reader(reading)
        os.close(reading)
        stream.finish()

    async def _attend(self, process: Process) -> str:
        """Watch the process to its end and clean up after it; returns why it ended."""
        watching = asyncio.ensure_future(self._watch(process))
        hung = ""
        try:
            code = await self._unless_stopping(process.wait())
            if watching.done() and not watching.cancelled():
                hung = watching.result()
            return hung or describe_exit(code)
        except Stopping:
            await self._end(process)
            raise
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            kill_group(process.pid)
            self._process = None
            self.status.pid = self.status.start = 0

    async def _watch(self, process: Process) -> str:
        """Ask the box how it is, for ever; returns (and kills it) only when it was healthy and hangs."""
        last_answer = time.monotonic()
        while True:
            complaint = await self._ask()
            now = time.monotonic()
            if complaint is None:
                last_answer = now
                self._note_healthy(now)
            else:
                last_answer = last_answer if complaint.silent else now
                self._note_complaint(complaint)
                if self._healthy_since and now - last_answer > self.spec.hang_s:
                    kill_group(process.pid)
                    return f"killed: {complaint.reason} for {self.spec.hang_s:g} s"
            await asyncio.sleep(self._choose_pause(complaint))

    async def _ask(self) -> Complaint | None:
        try:
            return await self.spec.probe()
        except Exception as error:  # noqa: BLE001  (whatever a probe stumbles over, the box goes on being watched)
            return Complaint(f"cannot ask {self.spec.name} how it is: {error!r}", silent=False)

    def _choose_pause(self, complaint: Complaint | None) -> float:
        """A box that answers "not ready" logs each question, so it is asked less often than a silent one."""
        if complaint is None:
            return self.spec.probe_s
        return PROBE_STARTING_S if complaint.silent and not self._healthy_since else PROBE_UNHEALTHY_S

    def _note_healthy(self, now: float) -> None:
        self._healthy_since = self._healthy_since or now
        if self.status.state != State.HEALTHY:
            self.status.last_error = self.status.last_line = ""
            self.settled.set()
            self._set(State.HEALTHY)
            self._events.info("box healthy", box=self.spec.name)

    def _note_complaint(self, complaint: Complaint) -> None:
        if complaint.silent and self._failures and not self._healthy_since:
            return  # why it ended the last time says more
        reason = complaint.reason
        if self.status.state == State.HEALTHY:
            self._events.warning("box unhealthy", box=self.spec.name, reason=reason)
        changed = self.status.last_error != reason
        self.status.last_error = reason
        if self._healthy_since:
            changed = changed or self.status.state != State.UNHEALTHY
            self.status.state = State.UNHEALTHY
        if changed:
            self._on_change()

    async def _end(self, process: Process) -> None:
        """stop_signal, then SIGKILL for the whole group."""
        self._set(State.STOPPING)
        if process.returncode is None:
            process.send_signal(self.spec.stop_signal)
        waiting = asyncio.ensure_future(process.wait())
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait({waiting, hurry}, timeout=self.spec.stop_s, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not waiting.done():
            self._events.warning("box killed", box=self.spec.name, reason=f"did not end in {self.spec.stop_s:g} s")
            kill_group(process.pid)
        await waiting

    def _set(self, state: State) -> None:
        if state in {State.PREPARING, State.STARTING} and self._failures >= CRASH_LOOP:
            state = State.CRASHING  # until it is healthy, another try is still the loop
        self.status.state = state
        self._on_change()

"""The worker's loop: entries of the stream, at most WORKER_RUNS of their runs at a time, a lease kept for each."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import redis
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from backend_service.metrics import RUN_DURATION, RUNS
from backend_service.models import Run, RunStatus
from backend_service.queue import STREAM, Entry, describe_message
from backend_service.resources import Resources, start_resources
from backend_service.worker.execution import execute
from backend_service.worker.leases import Claim, LeaseLostError, Leases, Refusal
from opsconductor_telemetry import extract, get_logger

READ_BLOCK_MS = 500
OUTAGE_PAUSE_S = 1.0
STOP_GRACE_S = 2.0
RELEASE_S = 2.0
THREADS = 32

log = get_logger(__name__)


async def consume(resources: Resources) -> None:
    """The worker's work until it is cancelled: then running runs get 2 s, what remains goes back to the queue."""
    # Database and Redis calls run in threads; a lease must not wait behind them.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    await start_resources(resources, migrates=False)
    consumer = Consumer(resources)
    log.info("worker started")
    try:
        await consumer.read_entries()
    finally:
        await consumer.stop()


class Consumer:
    """Reads entries while there are free places for runs."""

    def __init__(self, resources: Resources) -> None:
        settings = resources.settings
        self._resources = resources
        self._queue = resources.queue
        self._lease_s = settings.run_lease_s
        self._leases = Leases(resources.sessions, settings.run_lease_s, settings.run_max_attempts)
        self._actions = asyncio.Semaphore(settings.worker_actions)
        self._places = settings.worker_runs
        self._tasks: set[asyncio.Task[None]] = set()
        self._take_over_at = 0.0

    async def read_entries(self) -> None:
        """Start a task for each entry, for ever."""
        while True:
            free = self._places - len(self._tasks)
            if free <= 0:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                continue
            try:
                entries = await self._take(free)
            except redis.RedisError as error:
                log.warning("cannot read the run queue", error=str(error))
                await asyncio.sleep(OUTAGE_PAUSE_S)
                continue
            for entry in entries:
                task = asyncio.create_task(self._handle(entry))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Wait a little for running runs, then cancel them; their commands are killed, their runs released."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_GRACE_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=RELEASE_S)
        log.info("worker stopped")

    async def _take(self, free: int) -> list[Entry]:
        """Entries of dead workers, looked for a few times a lease, or else new ones."""
        if time.monotonic() >= self._take_over_at:
            entries = await asyncio.to_thread(self._queue.take_over, int(self._lease_s * 1000), free)
            if entries:
                return entries
            self._take_over_at = time.monotonic() + self._lease_s / 4
        return await asyncio.to_thread(self._queue.read, free, READ_BLOCK_MS)

    async def _handle(self, entry: Entry) -> None:
        """Execute the entry's run under its trace; an entry whose run has not finished stays pending."""
        with extract(
            entry.carrier, f"process {STREAM}", "consumer", **describe_message(entry.run_id, "process")
        ) as span:
            try:
                await self._execute(entry)
            except* (SQLAlchemyError, redis.RedisError) as group:
                reason = str(first_error(group)).strip()
                span.record_exception(first_error(group))
                log.warning("run interrupted; its entry is delivered again", run_id=entry.run_id, error=reason)
            except* LeaseLostError as group:
                span.record_exception(first_error(group))
                log.warning("run taken over by another worker", run_id=entry.run_id)
            except* Exception as group:
                span.record_exception(first_error(group))
                log.exception("run interrupted by a fault; its entry is delivered again", run_id=entry.run_id)

    async def _execute(self, entry: Entry) -> None:
        if entry.run_id is None:
            log.warning("entry without a run removed", entry_id=entry.id)
            await asyncio.to_thread(self._queue.remove, entry.id)
            return
        claim = await asyncio.to_thread(self._leases.claim, entry.run_id)
        if claim is Refusal.BUSY:
            return
        if isinstance(claim, Refusal):
            if claim is Refusal.GIVEN_UP:
                RUNS.add(status=RunStatus.FAILED)
                log.error("run given up; its results say why", run_id=entry.run_id)
            await asyncio.to_thread(self._queue.remove, entry.id)
            return
        log.info("run started", run_id=claim.run_id, job=claim.job, attempt=claim.attempt)
        started = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                keeper = group.create_task(self._keep_lease(claim, entry))
                await execute(claim, self._leases, self._actions)
                keeper.cancel()
        except asyncio.CancelledError:
            await self._release(claim, entry)
            raise
        status = await asyncio.to_thread(self._leases.finish, claim)
        duration_s = time.monotonic() - started
        RUNS.add(status=status)
        RUN_DURATION.observe(duration_s, status=status)
        duration_ms = round(duration_s * 1000)
        log.info("run finished", run_id=claim.run_id, job=claim.job, status=status.value, duration_ms=duration_ms)
        await asyncio.to_thread(self._queue.remove, entry.id)

    async def _keep_lease(self, claim: Claim, entry: Entry) -> None:
        """Renew the lease three times within its length. Raises LeaseLostError when it is lost or has ended."""
        ends_at = time.monotonic() + self._lease_s
        while True:
            await asyncio.sleep(self._lease_s / 3)
            asked_at = time.monotonic()
            try:
                await asyncio.to_thread(self._leases.renew, claim)
                ends_at = asked_at + self._lease_s
                await asyncio.to_thread(self._queue.renew, entry.id)
            except (SQLAlchemyError, redis.RedisError) as error:
                log.warning("cannot renew lease", run_id=claim.run_id, error=str(error).strip())
            if time.monotonic() >= ends_at:
                raise LeaseLostError

    async def _release(self, claim: Claim, entry: Entry) -> None:
        """Back to the queue under a new entry, so that another worker need not wait for the lease's end."""
        try:
            await asyncio.to_thread(self._leases.release, claim)
            entry_id = await asyncio.to_thread(self._queue.enqueue, claim.run_id, entry.carrier)
            await asyncio.to_thread(self._note_entry, claim.run_id, entry_id)
            await asyncio.to_thread(self._queue.remove, entry.id)
        except (SQLAlchemyError, redis.RedisError, LeaseLostError) as error:
            log.warning("cannot release run; its lease ends by itself", run_id=claim.run_id, error=str(error).strip())
            return
        log.info("run released", run_id=claim.run_id, job=claim.job)

    def _note_entry(self, run_id: int, entry_id: str) -> None:
        with self._resources.sessions.begin() as session:
            session.execute(update(Run).where(Run.id == run_id).values(entry_id=entry_id))


def first_error(error: BaseException) -> BaseException:
    """The first leaf of an exception group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

"""A flow in motion: polls its files, sends one batch at a time, tries for ever, saves positions.

Reading goes on while a batch is out, up to one more batch; then the files wait on the disk. There is no last retry
(the original gives up after max_retries): an outage of any length drops nothing that the disk still holds.
"""

import asyncio
import random

from opsconductor.collector.batch import Record
from opsconductor.collector.figures import Figures
from opsconductor.collector.flow import Flow
from opsconductor.collector.push import Answer, Pusher, Verdict
from opsconductor_telemetry import get_logger

POLL_S = 0.2
"""How often files are looked at when they have nothing new. Original: max_poll_frequency 250ms."""

SCAN_S = 1.0
"""How often globs are read, at most; less often where target_config.sync_period is shorter."""

SAVE_S = 10.0
"""How often positions are saved that no answer moved."""

STOP_S = 2.0
"""How long the end of the process waits for answers."""

WAIT_MAX_S = 300.0
"""How long a store may ask us to wait."""

JOURNAL_RETRY_S = 2.0
"""How often a full disk is tried again."""

CONFLICTS_MAX = 3
"""Contradictions in a row after which a batch goes without its ranges."""

log = get_logger(__name__)


class Shipper:
    """One client's task. sync_period: seconds between thorough scans."""

    def __init__(self, flow: Flow, pusher: Pusher, figures: Figures, sync_period: float) -> None:
        self.flow, self._pusher, self._figures = flow, pusher, figures
        self._sync_period = sync_period
        self._label = flow.client.figure_labels
        self._wake, self._stopping = asyncio.Event(), asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._conflicts = 0
        self._failure: BaseException | None = None
        self.ready = False

    def stop(self) -> None:
        """Read no more; what was read is sent if the store answers soon."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop`, then end within STOP_S. Raises what delivering a batch raised, which is a defect."""
        try:
            await self._work()
            if self._failure is not None:
                raise self._failure
            try:
                async with asyncio.timeout(STOP_S):
                    await self._flush()
            except TimeoutError:
                log.info("stopping with an unanswered batch: it is journalled and is sent first after the next start")
        finally:
            if self._sending:
                self._sending.cancel()
                await asyncio.gather(self._sending, return_exceptions=True)
            await self._save()
            self.flow.close()
            await self._pusher.close()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        scan_at = sync_at = save_at = 0.0
        recovered = self.flow.in_flight
        while not self._stopping.is_set():
            now = loop.time()
            if now >= scan_at:
                self.flow.scan(thorough=now >= sync_at)
                sync_at = now + self._sync_period if now >= sync_at else sync_at
                scan_at = now + min(SCAN_S, self._sync_period)
                self.ready = True
            else:
                self.flow.watch()
            if recovered:
                self._send(recovered, journalled=True)
                recovered = None
            self._wake.clear()
            progress = await self._read_turn()
            self.flow.settle()
            self._send_if_due(idle=not progress)
            if now >= save_at and self._sending is None:
                save_at = now + SAVE_S
                await self._save()
            if not progress:
                await self._pause()

    async def _read_turn(self) -> bool:
        """One block of each file that has one, other tasks having their turn in between."""
        progress = False
        self.flow.start_turn()
        while not self._stopping.is_set():
            found = self.flow.read_next(asyncio.get_running_loop().time())
            if found is None:
                return progress
            if found:
                progress = True
                self._send_if_due(idle=False)
                await asyncio.sleep(0)
        return progress

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _flush(self) -> None:
        while self._sending or self.flow.is_due(asyncio.get_running_loop().time(), idle=True):
            self._send_if_due(idle=True)
            self._wake.clear()
            await self._wake.wait()

    def _send_if_due(self, idle: bool) -> None:
        if self._sending is None and self.flow.is_due(asyncio.get_running_loop().time(), idle):
            self._send(self.flow.take(), journalled=False)

    def _send(self, record: Record, journalled: bool) -> None:
        self._sending = asyncio.create_task(self._deliver(record, journalled))
        self._sending.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._sending = None
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._stopping.set()

    async def _deliver(self, record: Record, journalled: bool) -> None:
        if not journalled:
            if self.flow.must_save:
                await self._save()
            await self._journal(record)
        unsent: Record | None = record
        while unsent is not None:
            unsent = self._apply(unsent, await self._push_until_answered(unsent))
        await self._save()

    async def _journal(self, record: Record) -> None:
        tried = False
        while True:
            try:
                await asyncio.to_thread(self.flow.journal.write, record)
                return
            except OSError as error:
                if not tried:
                    log.error(
                        "cannot journal a batch: free disk space, nothing is sent until then", reason=str(error)
                    )
                tried = True
                await asyncio.sleep(JOURNAL_RETRY_S)

    async def _save(self) -> None:
        try:
            await asyncio.to_thread(self.flow.save_positions, self.flow.format_positions())
        except OSError as error:
            log.error("cannot save positions: free disk space", reason=str(error))

    async def _push_until_answered(self, record: Record) -> Answer:
        client, attempt = self.flow.client, 0
        began = asyncio.get_running_loop().time()
        while True:
            answer = await self._pusher.push(record)
            if answer.verdict is not Verdict.RETRY:
                if attempt:
                    seconds = asyncio.get_running_loop().time() - began
                    log.info("pushing again", **{"url.full": client.url}, seconds=round(seconds, 1), retries=attempt)
                return answer
            wait = min(client.max_period, client.min_period * 2.0 ** min(attempt, 30)) * random.uniform(0.75, 1.0)
            wait = max(wait, min(answer.wait, WAIT_MAX_S))
            if not attempt:
                log.warning(
                    "cannot push: lines wait in their files", **{"url.full": client.url}, reason=answer.reason
                )
            log.debug("push failed", reason=answer.reason, next_try_s=round(wait, 1))
            self._figures.batch_retries.add(1, *self._label)
            attempt += 1
            await asyncio.sleep(wait)

    def _apply(self, record: Record, answer: Answer) -> Record | None:
        """Tell the flow; a record to be sent next, if any."""
        figures, label = self._figures, self._label
        if answer.verdict is Verdict.CONFLICT and not record.bare:
            figures.conflicts.add(1, *label)
            self._conflicts += 1
            log.warning("store holds other offsets: going back to them", host=self._label[0], reason=answer.reason)
            return self.flow.resolve(record, dict(answer.committed), give_up=self._conflicts > CONFLICTS_MAX)
        self._conflicts = 0
        stored = answer.verdict is Verdict.STORED
        self.flow.acknowledge(record, known_to_store=stored and not record.bare)
        if stored:
            figures.sent_entries.add(record.entries, *label)
            figures.sent_bytes.add(len(record.body), *label)
            return None
        figures.dropped_entries.add(record.entries, *label, "ingester_error")
        figures.dropped_bytes.add(record.size, *label, "ingester_error")
        log.error("store refused entries of a batch", host=self._label[0], reason=answer.reason)
        return None

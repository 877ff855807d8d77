"""Rule groups on their timers: each evaluated at its own phase, its alerts sent on."""

import asyncio
import hashlib
import time
from collections.abc import Sequence

from opsconductor.metrics.alerting import RESEND_S, AlertSender
from opsconductor.metrics.scrape import STALE
from opsconductor.model.errors import OpsConductorError
from opsconductor.rules.config import RuleGroup
from opsconductor.rules.group import LiveGroup, Query, Record
from opsconductor_telemetry import get_logger

log = get_logger(__name__)


class RuleManager:
    """Evaluates every group until it is stopped."""

    def __init__(self, groups: Sequence[RuleGroup], query: Query, record: Record, sender: AlertSender) -> None:
        self.groups = [LiveGroup(group) for group in groups]
        self._query, self._record, self._sender = query, record, sender
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; a group's evaluations fall on the same phase of its interval after every restart."""
        self._tasks = [asyncio.create_task(self._run(group)) for group in self.groups]

    async def stop(self) -> None:
        """End all groups."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sender.close()

    async def _run(self, live: LiveGroup) -> None:
        interval_s = live.group.interval_s
        seed = f"{live.group.file}\n{live.group.name}".encode()
        phase_s = int.from_bytes(hashlib.blake2b(seed, digest_size=4).digest(), "little") / 2**32 * interval_s
        while True:
            wait_s = (phase_s - time.time()) % interval_s
            await asyncio.sleep(wait_s if wait_s > 0.01 else interval_s)
            try:
                await self.evaluate(live, round(time.time(), 3))
            except OpsConductorError as error:
                log.warning("cannot evaluate a rule group", group=live.group.name, reason=str(error))

    async def evaluate(self, live: LiveGroup, now: float) -> None:
        """Evaluate a group once and send what is due."""
        await live.evaluate(now, self._query, self._record, STALE)
        for rule, health in zip(live.group.rules, live.health, strict=True):
            if health.health == "err":
                log.warning("rule failed", group=live.group.name, rule=rule.name, reason=health.error)
        await self._sender.send(live.take_to_send(now, RESEND_S), live.group.interval_s)

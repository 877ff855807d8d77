"""Groups of alerts and their timers: first after group_wait, then every group_interval while alerts are left."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from opsconductor.alerts.alert import Alert
from opsconductor.alerts.config import AlertsConfig, Route
from opsconductor.alerts.mute import Muter
from opsconductor.alerts.notify import Group, Notifier
from opsconductor.alerts.routing import find_routes, group_key, group_labels
from opsconductor.alerts.state import State
from opsconductor.model.errors import UnavailableError
from opsconductor.model.labels import Labels
from opsconductor_telemetry import get_logger

log = get_logger(__name__)

Clock = Callable[[], datetime]


def read_clock() -> datetime:
    """Now, UTC."""
    return datetime.now(UTC)


@dataclass
class LiveGroup:
    """The fingerprints of a group; its task flushes them."""

    route: Route
    labels: Labels
    members: set[str] = field(default_factory=set)
    task: "asyncio.Task[None] | None" = None

    @property
    def key(self) -> str:
        """The group's key as receivers see it."""
        return group_key(self.route, self.labels)


class Dispatcher:
    """Puts alerts into groups and flushes the groups. Lives in one event loop."""

    def __init__(
        self, config: AlertsConfig, state: State, muter: Muter, notifier: Notifier, clock: Clock = read_clock
    ) -> None:
        self._config, self._state, self._muter, self._notifier, self._clock = config, state, muter, notifier, clock
        self.groups: dict[str, LiveGroup] = {}

    def start(self) -> None:
        """Group what the state remembers: whole groups, so that a restart does not send halves of them."""
        for alert in list(self._state.alerts.values()):
            self.add(alert)

    async def stop(self) -> None:
        """End the timers; what was not yet sent is sent after the next start."""
        tasks = [group.task for group in self.groups.values() if group.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def add(self, alert: Alert) -> None:
        """Put the alert into its groups; a new group begins its timer."""
        for route in find_routes(self._config.route, alert.labels):
            labels = group_labels(route, alert.labels)
            group = self.groups.setdefault(group_key(route, labels), LiveGroup(route, labels))
            group.members.add(alert.fingerprint)
            if group.task is None:
                # An alert that waited out group_wait before this process began is late enough already.
                age_s = (self._clock() - alert.starts_at).total_seconds()
                wait_s = 0.0 if age_s > route.group_wait_s else route.group_wait_s
                group.task = asyncio.create_task(self._run(group, wait_s))

    async def _run(self, group: LiveGroup, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        while True:
            try:
                await self._flush(group)
            except UnavailableError as error:
                log.error("cannot remember a notification", group=group.key, reason=str(error))
            if not group.members:
                self.groups.pop(group.key, None)
                return
            await asyncio.sleep(group.route.group_interval_s)

    async def _flush(self, group: LiveGroup) -> None:
        now = self._clock()
        alerts = [self._state.alerts[one] for one in sorted(group.members) if one in self._state.alerts]
        unmuted = [one for one in alerts if not self._muter.is_muted(one, now)]
        unmuted.sort(key=lambda one: (one.is_resolved(now), one.starts_at))
        if unmuted:
            receiver = self._config.receivers[group.route.receiver]
            await self._notifier.notify(receiver, Group(group.route, group.key, group.labels, unmuted, now))
        # An alert that ended and was told so leaves; one that began again meanwhile stays.
        ended = {
            one.fingerprint
            for one in alerts
            if one.is_resolved(now) and self._state.alerts.get(one.fingerprint) == one
        }
        group.members -= ended
        group.members &= self._state.alerts.keys()

"""Send a group to its receiver: once for each change, again after the repeat interval, retried until it is taken."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx

from opsconductor.alerts.alert import Alert
from opsconductor.alerts.config import Receiver, Route, Webhook
from opsconductor.alerts.payload import build_payload
from opsconductor.alerts.state import Notification, State
from opsconductor.model.address import resolve_url
from opsconductor.model.labels import Labels
from opsconductor.serving.counters import Counter
from opsconductor_telemetry import get_logger

log = get_logger(__name__)

RETRY_FIRST_S, RETRY_MOST_S = 0.5, 15.0
"""Waits between attempts: doubled from the first to the most."""


@dataclass(frozen=True)
class Group:
    """What is sent at one flush: the unmuted alerts of one group of one route."""

    route: Route
    key: str
    labels: Labels
    alerts: Sequence[Alert]
    now: datetime


def needs_sending(last: Notification | None, current: Notification, repeat_s: float, *, send_resolved: bool) -> bool:
    """Whether this state of a group is news. Spec: Alertmanager notify, DedupStage."""
    if last is None:
        return bool(current.firing)
    if not current.firing <= last.firing:
        return True
    if not current.firing:
        return bool(last.firing)
    if send_resolved and not current.resolved <= last.resolved:
        return True
    return (current.time - last.time).total_seconds() >= repeat_s


class Notifier:
    """Sends groups to webhooks; what was taken is remembered in the state."""

    def __init__(self, state: State, external_url: str, sent: Counter, failed: Counter) -> None:
        self._state = state
        self._external_url = external_url
        self._sent, self._failed = sent, failed
        self._client = httpx.AsyncClient(timeout=10.0)

    async def notify(self, receiver: Receiver, group: Group) -> None:
        """Offer the group to every integration; returns when each has taken it or the group interval is over."""
        await asyncio.gather(
            *(
                self._offer(receiver, f"webhook/{number}", hook, group)
                for number, hook in enumerate(receiver.webhooks)
            )
        )

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def _offer(self, receiver: Receiver, integration: str, hook: Webhook, group: Group) -> None:
        key = f"{group.key}:{receiver.name}/{integration}"
        firing = frozenset(one.fingerprint for one in group.alerts if not one.is_resolved(group.now))
        resolved = frozenset(one.fingerprint for one in group.alerts) - firing
        current = Notification(firing, resolved, group.now)
        last = self._state.notifications.get(key)
        if not needs_sending(last, current, group.route.repeat_interval_s, send_resolved=hook.send_resolved):
            return
        alerts = [one for one in group.alerts if hook.send_resolved or one.fingerprint in firing]
        if alerts and not await self._send(receiver.name, hook, group, alerts):
            return
        self._state.put_notification(key, current)

    async def _send(self, name: str, hook: Webhook, group: Group, alerts: list[Alert]) -> bool:
        shown = alerts[: hook.max_alerts] if hook.max_alerts else alerts
        truncated = len(alerts) - len(shown)
        payload = build_payload(name, group.key, group.labels, shown, group.now, self._external_url, truncated)
        loop = asyncio.get_running_loop()
        deadline, wait_s = loop.time() + group.route.group_interval_s, RETRY_FIRST_S
        while True:
            why, retriable = await self._attempt(hook, payload)
            if not why:
                self._sent.add(1, "webhook")
                return True
            self._failed.add(1, "webhook")
            if not retriable or loop.time() + wait_s > deadline:
                log.error("cannot notify receiver", receiver=name, group=group.key, reason=why)
                return False
            log.warning("notification refused, retrying", receiver=name, group=group.key, reason=why)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RETRY_MOST_S)

    async def _attempt(self, hook: Webhook, payload: dict[str, object]) -> tuple[str, bool]:
        """("", _) when taken, else (why, whether another attempt may succeed)."""
        headers = {"Authorization": f"Bearer {hook.bearer}"} if hook.bearer else {}
        auth = httpx.BasicAuth(*hook.user) if hook.user else None
        timeout = hook.timeout_s or httpx.USE_CLIENT_DEFAULT
        try:
            answer = await self._client.post(
                resolve_url(hook.url),
                json=payload,
                headers=headers,
                auth=auth if auth is not None else httpx.USE_CLIENT_DEFAULT,
                timeout=timeout,
            )
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}", True
        if answer.is_success:
            return "", False
        return f"status {answer.status_code}", answer.status_code >= 500 or answer.status_code == 429

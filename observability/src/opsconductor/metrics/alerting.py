"""Alerts of the rules on their way to the alerts role. Spec: Prometheus notifier, API v2 of the receiver."""

from datetime import UTC, datetime

import httpx

from opsconductor.model.address import resolve_url
from opsconductor.rules.alerting import ActiveAlert
from opsconductor.rules.config import Rule
from opsconductor_telemetry import get_logger

log = get_logger(__name__)

RESEND_S = 60.0
"""How often a firing alert is sent again. Prometheus: --rules.alert.resend-delay, 1m."""


class AlertSender:
    """Sends alerts to every configured address; one that is away gets them with the next sending."""

    def __init__(self, urls: tuple[str, ...], external_labels: tuple[tuple[str, str], ...], own_url: str) -> None:
        self.urls = urls
        self._external = dict(external_labels)
        self._own_url = own_url
        self._client = httpx.AsyncClient(timeout=10.0)

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def send(self, alerts: list[tuple[Rule, ActiveAlert]], interval_s: float) -> bool:
        """Send; whether at least one receiver took them. An alert ends by itself 4 intervals after the last word."""
        if not alerts or not self.urls:
            return True
        ends_after_s = 4 * max(interval_s, RESEND_S)
        body = [self._describe(rule, alert, ends_after_s) for rule, alert in alerts]
        taken = False
        for url in self.urls:
            try:
                answer = await self._client.post(resolve_url(url), json=body)
                answer.raise_for_status()
                taken = True
            except httpx.HTTPError as error:
                log.warning("cannot send alerts", receiver=url, alerts=len(body), reason=str(error))
        return taken

    def _describe(self, rule: Rule, alert: ActiveAlert, ends_after_s: float) -> dict[str, object]:
        ends_at = alert.resolved_at or alert.last_sent_at + ends_after_s
        return {
            "labels": {**self._external, **dict(alert.labels)},
            "annotations": dict(alert.annotations),
            "startsAt": format_time(alert.fired_at),
            "endsAt": format_time(ends_at),
            "generatorURL": str(
                httpx.URL(f"{self._own_url}/graph", params={"g0.expr": rule.expression, "g0.tab": "1"})
            ),
        }


def format_time(time_s: float) -> str:
    """RFC 3339 in UTC, milliseconds."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

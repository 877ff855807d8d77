"""The JSON that a webhook receives. Spec: Alertmanager webhook_config, payload version 4."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from opsconductor.alerts.alert import Alert, format_time
from opsconductor.model.labels import Labels


def build_payload(
    receiver: str, key: str, labels: Labels, alerts: Sequence[Alert], now: datetime, external_url: str, truncated: int
) -> dict[str, Any]:
    """The payload of one group; alerts in the order given, firing if any of them fires."""
    firing = any(not alert.is_resolved(now) for alert in alerts)
    return {
        "receiver": receiver,
        "status": "firing" if firing else "resolved",
        "alerts": [
            {
                "status": "resolved" if alert.is_resolved(now) else "firing",
                "labels": dict(alert.labels),
                "annotations": dict(alert.annotations),
                "startsAt": format_time(alert.starts_at),
                # A firing alert has no end yet; Go's zero time says so.
                "endsAt": format_time(alert.ends_at) if alert.is_resolved(now) else "0001-01-01T00:00:00Z",
                "generatorURL": alert.generator_url,
                "fingerprint": alert.fingerprint,
            }
            for alert in alerts
        ],
        "groupLabels": dict(labels),
        "commonLabels": _common([dict(alert.labels) for alert in alerts]),
        "commonAnnotations": _common([dict(alert.annotations) for alert in alerts]),
        "externalURL": external_url,
        "version": "4",
        "groupKey": key,
        "truncatedAlerts": truncated,
    }


def _common(sets: Sequence[dict[str, str]]) -> dict[str, str]:
    if not sets:
        return {}
    return {name: value for name, value in sets[0].items() if all(one.get(name) == value for one in sets[1:])}

"""Who is held back: by silences and by inhibition."""

from collections.abc import Mapping
from datetime import datetime

from opsconductor.alerts.alert import Alert
from opsconductor.alerts.config import Inhibition
from opsconductor.alerts.matchers import match_all
from opsconductor.alerts.state import State


class Muter:
    """Answers for one label set at a time, from the state in memory."""

    def __init__(self, state: State, inhibitions: tuple[Inhibition, ...]) -> None:
        self._state = state
        self._inhibitions = inhibitions

    def silenced_by(self, labels: Mapping[str, str], now: datetime) -> list[str]:
        """Ids of the active silences that match."""
        return sorted(one.id for one in self._state.silences.values() if one.mutes(labels, now))

    def inhibited_by(self, labels: Mapping[str, str], now: datetime) -> list[str]:
        """Fingerprints of firing alerts that inhibit this label set; an alert never inhibits itself.

        Where both alerts match source and target, neither inhibits the other. Spec: Alertmanager inhibit.go.
        """
        found = set()
        for rule in self._inhibitions:
            if not match_all(rule.targets, labels):
                continue
            is_source_too = match_all(rule.sources, labels)
            for alert in self._state.alerts.values():
                if alert.is_resolved(now) or not match_all(rule.sources, alert.labels):
                    continue
                if is_source_too and match_all(rule.targets, alert.labels):
                    continue
                if all(labels.get(name, "") == alert.labels.get(name, "") for name in rule.equal):
                    found.add(alert.fingerprint)
        return sorted(found)

    def is_muted(self, alert: Alert, now: datetime) -> bool:
        """Whether a notification about the alert is held back."""
        return bool(self.silenced_by(alert.labels, now) or self.inhibited_by(alert.labels, now))

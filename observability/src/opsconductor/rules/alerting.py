"""The state of one alerting rule: pending, firing, resolved, by label set. Spec: Prometheus rules/alerting.go."""

from collections.abc import Iterable
from dataclasses import dataclass

from opsconductor.model.errors import InputError
from opsconductor.model.labels import Labels, sort_labels
from opsconductor.rules.config import Rule
from opsconductor.rules.template import expand_template

RESOLVED_KEPT_S = 900.0
"""How long a resolved alert is still sent, so that a receiver that was away hears of its end."""


@dataclass
class ActiveAlert:
    """One label set of a rule that is or was active. Times are seconds since 1970; 0 means not yet."""

    labels: Labels
    annotations: Labels
    value: float
    active_at: float
    fired_at: float = 0.0
    resolved_at: float = 0.0
    kept_since: float = 0.0
    last_sent_at: float = 0.0

    @property
    def state(self) -> str:
        """pending, firing or inactive."""
        if self.resolved_at:
            return "inactive"
        return "firing" if self.fired_at else "pending"


class AlertingRule:
    """Keeps the active label sets of a rule from one evaluation to the next."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.active: dict[Labels, ActiveAlert] = {}
        self.restored = not rule.hold_s

    def evaluate(self, vector: Iterable[tuple[Labels, float]], now: float) -> None:
        """Take the expression's result at `now`. Raises InputError where two results become one label set."""
        seen: dict[Labels, tuple[Labels, float]] = {}
        for source, value in vector:
            labels = self._name(source, value)
            if labels in seen:
                raise InputError("vector contains metrics with the same labelset after applying alert labels")
            seen[labels] = (self._annotate(source, value), value)
        for labels, (annotations, value) in seen.items():
            old = self.active.get(labels)
            if old is None or old.resolved_at:
                self.active[labels] = ActiveAlert(labels, annotations, value, now)
            else:
                old.value, old.annotations, old.kept_since = value, annotations, 0.0
        for labels, alert in list(self.active.items()):
            if labels not in seen:
                self._end(labels, alert, now)
            elif not alert.fired_at and now - alert.active_at >= self.rule.hold_s:
                alert.fired_at = now

    def _end(self, labels: Labels, alert: ActiveAlert, now: float) -> None:
        if alert.resolved_at:
            if now - alert.resolved_at > RESOLVED_KEPT_S:
                del self.active[labels]
        elif not alert.fired_at:
            del self.active[labels]  # a pending alert ends unheard
        elif self.rule.keep_s and now - (alert.kept_since or now) < self.rule.keep_s:
            alert.kept_since = alert.kept_since or now
        else:
            alert.resolved_at = now

    def restore(self, labels: Labels, active_at: float) -> None:
        """After a restart: this label set was active since then."""
        alert = self.active.get(labels)
        if alert is not None and not alert.fired_at:
            alert.active_at = min(alert.active_at, active_at)

    def series(self, now: float) -> list[tuple[Labels, float]]:
        """The rule's own series at `now`: ALERTS 1 by state, ALERTS_FOR_STATE the time since when it is active."""
        found = []
        for alert in self.active.values():
            if not alert.resolved_at:
                named = dict(alert.labels)
                found.append((sort_labels({**named, "__name__": "ALERTS", "alertstate": alert.state}), 1.0))
                found.append((sort_labels({**named, "__name__": "ALERTS_FOR_STATE"}), alert.active_at))
        return found if now else []

    def take_to_send(self, now: float, resend_s: float) -> list[ActiveAlert]:
        """Firing and freshly resolved alerts that were not sent for resend_s; marks them as sent."""
        due = [
            alert
            for alert in self.active.values()
            if alert.state != "pending"
            and (alert.resolved_at > alert.last_sent_at or now - alert.last_sent_at >= resend_s)
        ]
        for alert in due:
            alert.last_sent_at = now
        return due

    def _name(self, source: Labels, value: float) -> Labels:
        labels = {name: text for name, text in source if name != "__name__"}
        for name, text in self.rule.labels:
            labels[name] = expand_template(text, source, value)
        labels["alertname"] = self.rule.alert
        return sort_labels(labels)

    def _annotate(self, source: Labels, value: float) -> Labels:
        return tuple((name, expand_template(text, source, value)) for name, text in self.rule.annotations)

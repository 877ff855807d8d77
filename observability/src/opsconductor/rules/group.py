"""Evaluate a rule group: query, record, and keep alert states. The query function and the store are injected."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from opsconductor.model.errors import InputError, OpsConductorError
from opsconductor.model.labels import Labels, sort_labels
from opsconductor.rules.alerting import ActiveAlert, AlertingRule
from opsconductor.rules.config import Rule, RuleGroup

Vector = Sequence[tuple[Labels, float]]
Query = Callable[[str, float], Awaitable[Vector]]
"""(expression, time in seconds) → the instant vector; a scalar is a vector of one series without labels."""
Record = Callable[[Vector, float], Awaitable[None]]
"""Stores samples at a time in seconds; a NaN of the stale bits ends a series."""


@dataclass
class RuleHealth:
    """How a rule's last evaluation went; times in seconds."""

    health: str = "unknown"
    error: str = ""
    took_s: float = 0.0
    evaluated_at: float = 0.0


@dataclass
class LiveGroup:
    """A group with the state of its alerting rules and which series it wrote last."""

    group: RuleGroup
    alerting: dict[int, AlertingRule] = field(default_factory=dict)
    health: list[RuleHealth] = field(default_factory=list)
    written: dict[int, set[Labels]] = field(default_factory=dict)
    took_s: float = 0.0
    evaluated_at: float = 0.0

    def __post_init__(self) -> None:
        for number, rule in enumerate(self.group.rules):
            self.health.append(RuleHealth())
            if rule.alert:
                self.alerting[number] = AlertingRule(rule)

    async def evaluate(self, now: float, query: Query, record: Record, stale: float) -> None:
        """Every rule in order; one that fails is noted and does not stop the others."""
        begun = time.perf_counter()
        for number, rule in enumerate(self.group.rules):
            started, health = time.perf_counter(), self.health[number]
            try:
                await self._evaluate_rule(number, rule, now, query, record, stale)
                health.health, health.error = "ok", ""
            except OpsConductorError as error:
                health.health, health.error = "err", str(error)
            health.took_s, health.evaluated_at = time.perf_counter() - started, now
        self.took_s, self.evaluated_at = time.perf_counter() - begun, now

    async def _evaluate_rule(
        self, number: int, rule: Rule, now: float, query: Query, record: Record, stale: float
    ) -> None:
        vector = await query(rule.expression, now)
        if self.group.limit and len(vector) > self.group.limit:
            raise InputError(f"exceeded limit of {self.group.limit} with {len(vector)} results")
        if rule.record:
            series = [
                (sort_labels({**dict(labels), **dict(rule.labels), "__name__": rule.record}), value)
                for labels, value in vector
            ]
            if len({labels for labels, _ in series}) != len(series):
                raise InputError("vector contains metrics with the same labelset after applying rule labels")
        else:
            alerting = self.alerting[number]
            alerting.evaluate(vector, now)
            if not alerting.restored:
                await _restore(alerting, now, query)
            series = alerting.series(now)
        before, after = self.written.get(number, set()), {labels for labels, _ in series}
        gone = [(labels, stale) for labels in before - after]
        if series or gone:
            await record([*series, *gone], now)
        self.written[number] = after

    def take_to_send(self, now: float, resend_s: float) -> list[tuple[Rule, ActiveAlert]]:
        """Alerts of all rules that are due to be sent."""
        return [
            (alerting.rule, alert)
            for alerting in self.alerting.values()
            for alert in alerting.take_to_send(now, resend_s)
        ]


async def _restore(alerting: AlertingRule, now: float, query: Query) -> None:
    """Once after a start: pending alerts go on from when they began, found in the stored ALERTS_FOR_STATE."""
    alerting.restored = True
    if not alerting.active:
        return
    name = alerting.rule.alert.replace("\\", "\\\\").replace('"', '\\"')
    expression = f'last_over_time(ALERTS_FOR_STATE{{alertname="{name}"}}[1h])'
    for labels, active_at in await query(expression, now):
        alerting.restore(tuple(pair for pair in labels if pair[0] != "__name__"), active_at)
    for alert in alerting.active.values():
        if not alert.fired_at and now - alert.active_at >= alerting.rule.hold_s:
            alert.fired_at = now

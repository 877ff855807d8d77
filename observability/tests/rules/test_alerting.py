"""Alert states over evaluations, against the original's rules of pending, firing, resolved and kept firing."""

import pytest

from opsconductor.model.errors import InputError
from opsconductor.rules.alerting import AlertingRule
from opsconductor.rules.config import Rule

SERIES = (("__name__", "up"), ("service", "auth"))


def make_rule(hold_s: float = 0.0, keep_s: float = 0.0, **labels: str) -> AlertingRule:
    annotations = (("summary", "{{ $labels.service }} is {{ $value | humanize }}"),)
    return AlertingRule(Rule("", "Down", "up == 0", hold_s, keep_s, tuple(sorted(labels.items())), annotations))


def states(rule: AlertingRule) -> list[str]:
    return [alert.state for alert in rule.active.values()]


def test_without_for_it_fires_at_once_with_its_labels_and_texts() -> None:
    rule = make_rule(severity="page", team="{{ $labels.service }}-team")
    rule.evaluate([(SERIES, 0.0)], 100.0)
    (alert,) = rule.active.values()
    assert alert.state == "firing"
    assert dict(alert.labels) == {"alertname": "Down", "service": "auth", "severity": "page", "team": "auth-team"}
    assert dict(alert.annotations) == {"summary": "auth is 0"}


def test_with_for_it_is_pending_until_it_held() -> None:
    rule = make_rule(hold_s=60)
    for now, state in ((100.0, "pending"), (130.0, "pending"), (160.0, "firing")):
        rule.evaluate([(SERIES, 0.0)], now)
        assert states(rule) == [state]


def test_a_gap_while_pending_starts_again() -> None:
    rule = make_rule(hold_s=60)
    rule.evaluate([(SERIES, 0.0)], 100.0)
    rule.evaluate([], 130.0)
    assert rule.active == {}
    rule.evaluate([(SERIES, 0.0)], 160.0)
    assert states(rule) == ["pending"]


def test_the_end_is_sent_once_and_forgotten_later() -> None:
    rule = make_rule()
    rule.evaluate([(SERIES, 0.0)], 100.0)
    assert len(rule.take_to_send(100.0, 60)) == 1
    assert rule.take_to_send(130.0, 60) == []
    rule.evaluate([], 130.0)
    (ended,) = rule.take_to_send(130.0, 60)
    assert ended.resolved_at == 130.0
    rule.evaluate([], 130.0 + 901)
    assert rule.active == {}


def test_keep_firing_for_bridges_a_gap() -> None:
    rule = make_rule(keep_s=60)
    rule.evaluate([(SERIES, 0.0)], 100.0)
    for now, state in ((130.0, "firing"), (180.0, "firing"), (191.0, "inactive")):
        rule.evaluate([], now)
        assert states(rule) == [state]


def test_a_restored_alert_goes_on_from_when_it_began() -> None:
    rule = make_rule(hold_s=300)
    rule.evaluate([(SERIES, 0.0)], 1000.0)
    rule.restore(next(iter(rule.active)), 800.0)
    rule.evaluate([(SERIES, 0.0)], 1100.0)
    assert states(rule) == ["firing"]


def test_its_own_series_tell_state_and_begin() -> None:
    rule = make_rule(hold_s=60)
    rule.evaluate([(SERIES, 0.0)], 100.0)
    series = {dict(labels)["__name__"]: (dict(labels), value) for labels, value in rule.series(100.0)}
    assert series["ALERTS"][0]["alertstate"] == "pending"
    assert series["ALERTS_FOR_STATE"][1] == 100.0


def test_two_results_of_one_label_set_are_refused() -> None:
    with pytest.raises(InputError, match="same labelset"):
        make_rule().evaluate([(SERIES, 0.0), ((("__name__", "other"), ("service", "auth")), 0.0)], 100.0)

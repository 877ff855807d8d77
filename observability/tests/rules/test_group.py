"""Groups: recording, alert series, stale markers, limits, restoring, and files that are wrong."""

import math
from pathlib import Path

import pytest

from opsconductor.model.errors import ConfigError, InputError
from opsconductor.model.labels import Labels
from opsconductor.promql.parser import parse
from opsconductor.rules.config import load_groups
from opsconductor.rules.group import LiveGroup, Vector

FILE = """
groups:
  - name: platform
    interval: 30s
    limit: LIMIT
    rules:
      - record: service:up:sum
        expr: sum by (service) (up)
        labels: {tier: one}
      - alert: Down
        expr: up == 0
        for: 1m
        labels: {severity: page}
"""


class Store:
    """Answers queries from a table and keeps what is recorded."""

    def __init__(self) -> None:
        self.answers: dict[str, Vector] = {}
        self.recorded: list[tuple[Labels, float]] = []

    async def query(self, expression: str, _time_s: float) -> Vector:
        if isinstance(answer := self.answers.get(expression, []), Exception):
            raise answer
        return answer

    async def record(self, vector: Vector, _time_s: float) -> None:
        self.recorded += vector


def load(tmp_path: Path, text: str) -> LiveGroup:
    path = tmp_path / "rules.yml"
    path.write_text(text)
    groups, warnings = load_groups(path, 60.0, parse)
    assert warnings == []
    return LiveGroup(groups[0])


async def test_records_and_marks_the_end_of_what_is_gone(tmp_path: Path) -> None:
    group, store = load(tmp_path, FILE.replace("LIMIT", "0")), Store()
    store.answers["sum by (service) (up)"] = [((("service", "auth"),), 2.0)]
    await group.evaluate(1000.0, store.query, store.record, math.nan)
    labels = (("__name__", "service:up:sum"), ("service", "auth"), ("tier", "one"))
    assert store.recorded == [(labels, 2.0)]
    store.answers.clear()
    await group.evaluate(1030.0, store.query, store.record, math.nan)
    assert store.recorded[1][0] == labels
    assert math.isnan(store.recorded[1][1])


async def test_one_wrong_rule_does_not_stop_the_others(tmp_path: Path) -> None:
    group, store = load(tmp_path, FILE.replace("LIMIT", "1")), Store()
    store.answers["sum by (service) (up)"] = [((("service", name),), 1.0) for name in "ab"]
    store.answers["up == 0"] = [((("__name__", "up"), ("service", "a")), 0.0)]
    await group.evaluate(1000.0, store.query, store.record, math.nan)
    assert [one.health for one in group.health] == ["err", "ok"]
    assert "exceeded limit of 1" in group.health[0].error
    assert {dict(labels)["__name__"] for labels, _ in store.recorded} == {"ALERTS", "ALERTS_FOR_STATE"}


async def test_a_pending_alert_goes_on_after_a_restart(tmp_path: Path) -> None:
    group, store = load(tmp_path, FILE.replace("LIMIT", "0")), Store()
    labels = (("alertname", "Down"), ("service", "a"), ("severity", "page"))
    store.answers["up == 0"] = [((("__name__", "up"), ("service", "a")), 0.0)]
    store.answers['last_over_time(ALERTS_FOR_STATE{alertname="Down"}[1h])'] = [
        ((("__name__", "ALERTS_FOR_STATE"), *labels), 900.0)
    ]
    await group.evaluate(1000.0, store.query, store.record, math.nan)
    assert [(rule.name, alert.state) for rule, alert in group.take_to_send(1000.0, 60)] == [("Down", "firing")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("expr: up == 0", "expr: up == ("), "parse error"),
        (("alert: Down", "alert: Down\n        record: x"), "one of 'record' or 'alert'"),
        (("severity: page", "bad-name: page"), "invalid label name"),
        (("for: 1m", "for: soon"), "cannot read duration"),
        (("name: platform", "name: ''"), "Groupname must not be empty"),
        (("        expr: up == 0\n", ""), "field 'expr' must be set"),
    ],
)
def test_wrong_files_are_refused_with_their_line(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, FILE.replace("LIMIT", "0").replace(*change))
    assert message in str(error.value)
    assert "rules.yml:" in str(error.value)


async def test_an_error_of_the_query_is_the_rule_s_health(tmp_path: Path) -> None:
    group, store = load(tmp_path, FILE.replace("LIMIT", "0")), Store()
    store.answers["up == 0"] = InputError("boom")  # type: ignore[assignment]
    await group.evaluate(1000.0, store.query, store.record, math.nan)
    assert group.health[1].error == "boom"

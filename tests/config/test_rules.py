"""The shipped rules over metrics: of what is exposed, and firing when they should, evaluated by our own PromQL."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from support.promql_sources import ListSource

from opsconductor.exporters.host import collect_host
from opsconductor.model.labels import sort_labels
from opsconductor.promql.execute import Steps, execute
from opsconductor.promql.parser import parse
from opsconductor.promql.syntax import Selector
from opsconductor.rules.config import Rule, load_groups
from opsconductor.rules.template import expand_template
from opsconductor.vectors.block import Block

ROOT = Path(__file__).parents[2]
SCRAPE_S = 15
GROUPS, WARNINGS = load_groups(ROOT / "config/rules/metrics/platform.yml", 15.0, parse)
RULES = {rule.name: rule for group in GROUPS for rule in group.rules}
AUTH = {"cluster": "business", "service": "auth", "instance": "auth:8001", "job": "business"}
COLLECTOR = {"cluster": "observability", "service": "collector", "instance": "promtail:9080", "job": "observability"}
HOST = {"cluster": "observability", "service": "host", "instance": "node-exporter:9100", "job": "exporters"}
METRIC = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+|up")
At = Callable[[float], float | None]
"""The value at a time in seconds; None: not scraped."""


class World:
    """Scrapes every 15 s from 0 to two hours."""

    def __init__(self) -> None:
        self.source = ListSource()

    def put(self, name: str, target: dict[str, str], at: At, **labels: str) -> "World":
        values = ((second, at(second)) for second in range(0, 7200, SCRAPE_S))
        key = sort_labels({**target, **labels, "__name__": name})
        self.source.series[key] = [(second * 1000, value) for second, value in values if value is not None]
        return self

    def put_process(self, target: dict[str, str], started: float, at: At) -> "World":
        """`up` is what `at` says; the process's start as long as it is up."""
        self.put("up", target, at)
        return self.put("process_start_time_seconds", target, lambda second: started if at(second) else None)

    def find_firing(self, alert: str) -> dict[int, list[dict[str, str]]]:
        """Evaluation time in seconds → labels of what the expression yields and has yielded for `for`."""
        rule = RULES[alert]
        result = execute(parse(rule.expression), self.source, Steps(0, 7_200_000, SCRAPE_S * 1000))
        assert isinstance(result, Block)
        firing: dict[int, list[dict[str, str]]] = {}
        for labels, row in zip(result.labels, result.present, strict=True):
            since = None
            for step, present in enumerate(row.tolist()):
                since = (step * SCRAPE_S if since is None else since) if present else None
                if since is not None and step * SCRAPE_S - since >= rule.hold_s:
                    firing.setdefault(step * SCRAPE_S, []).append(dict(labels))
        return firing


def always(value: float) -> At:
    return lambda _second: value


def step_up(before: float | None, when: float, after: float | None) -> At:
    return lambda second: before if second < when else after


def list_selectors(node: Any) -> Iterator[Selector]:
    if isinstance(node, Selector):
        yield node
    if is_dataclass(node):
        for field in fields(node):
            yield from list_selectors(getattr(node, field.name))
    elif isinstance(node, tuple | list):
        for item in node:
            yield from list_selectors(item)


def list_exposed_names() -> set[str]:
    """Names of metrics that the code makes, with the suffixes of histograms, and those that rules record."""
    names = {family.name for family in collect_host()}
    for folder in ("observability/src", "telemetry/src", "services/auth/src", "services/backend/src"):
        for path in (ROOT / folder).rglob("*.py"):
            constants = (
                node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
            )
            names |= {text for text in constants if isinstance(text, str) and METRIC.fullmatch(text)}
    names |= {
        f"{name}_{suffix}" for name in names if name.endswith("_seconds") for suffix in ("bucket", "count", "sum")
    }
    return names | {rule.record for rule in RULES.values() if rule.record}


def test_the_issues_rules_are_there() -> None:
    wanted = {"FailedLoginBurst", "ErrorBurst", "ServiceDown", "NoLogsFromService", "CollectorLag", "DiskReserve"}
    assert wanted <= set(RULES)
    assert WARNINGS == []


def find_name(selector: Selector) -> str:
    return next(matcher.value for matcher in selector.matchers if matcher.name == "__name__")


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_asks_for_what_is_exposed(rule: Rule) -> None:
    names = {find_name(selector) for selector in list_selectors(parse(rule.expression))}
    assert names
    assert names <= list_exposed_names()


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.alert], ids=lambda rule: rule.name)
def test_the_words_of_an_alert_can_be_made(rule: Rule) -> None:
    labels = sort_labels({**AUTH, "mountpoint": "/", "alertname": rule.alert})
    for _, text in rule.annotations:
        assert "error" not in expand_template(text, labels, 12.0).replace("with an error", "")


def make_logins(refused: At, started: float = -10_000, is_up: At = always(1)) -> World:
    world = World().put_process(AUTH, started, is_up)
    for result in ("succeeded", "locked", "limited"):
        world.put("auth_logins_total", AUTH, lambda second: 0 if is_up(second) else None, result=result)
    return world.put("auth_logins_total", AUTH, refused, result="refused")


def test_ten_failed_logins_fire_at_the_next_scrape_and_are_over_five_minutes_later() -> None:
    firing = make_logins(step_up(1000, 3000, 1010)).find_firing("FailedLoginBurst")
    assert min(firing) == 3000
    assert 3000 + 260 <= max(firing) <= 3000 + 300
    assert firing[3000] == [{"cluster": "business", "service": "auth"}]


def test_nine_do_not() -> None:
    assert make_logins(step_up(1000, 3000, 1009)).find_firing("FailedLoginBurst") == {}


def test_ten_of_several_kinds_do() -> None:
    world = make_logins(step_up(3, 3000, 8)).put("auth_logins_total", AUTH, step_up(2, 3000, 7), result="locked")
    assert min(world.find_firing("FailedLoginBurst")) == 3000


def test_ten_successful_logins_do_not() -> None:
    world = make_logins(always(0)).put("auth_logins_total", AUTH, step_up(0, 3000, 500), result="succeeded")
    assert world.find_firing("FailedLoginBurst") == {}


def test_ten_on_a_fresh_system_fire_although_nobody_saw_the_counter_before() -> None:
    is_up = step_up(None, 3000, 1)
    firing = make_logins(step_up(None, 3000, 10), 2950, is_up).find_firing("FailedLoginBurst")
    assert min(firing) == 3000
    assert max(firing) < 3000 + 300


def test_a_counter_that_is_old_and_seen_for_the_first_time_does_not() -> None:
    is_up = step_up(None, 3000, 1)
    assert make_logins(step_up(None, 3000, 5000), -10_000, is_up).find_firing("FailedLoginBurst") == {}


def test_a_counter_that_was_not_scraped_for_an_hour_does_not() -> None:
    def away(value: float) -> At:
        return lambda second: None if 1200 <= second < 4800 else value

    assert make_logins(away(5000), -10_000, away(1)).find_firing("FailedLoginBurst") == {}


def test_ten_after_a_restart_fire() -> None:
    firing = make_logins(step_up(1000, 3000, 10)).find_firing("FailedLoginBurst")
    assert min(firing) == 3000


def put_requests(world: World, at: At, status: str = "500") -> World:
    labels = {"http_route": "/api/jobs", "http_request_method": "GET", "http_response_status_code": status}
    return world.put("http_server_request_duration_seconds_count", AUTH, at, **labels)


def test_a_burst_of_errors_fires_although_there_was_no_such_series_before() -> None:
    world = put_requests(World().put_process(AUTH, -10_000, always(1)), step_up(None, 3000, 12))
    firing = world.find_firing("ErrorBurst")
    assert min(firing) == 3000
    assert max(firing) <= 3000 + 300
    assert firing[3000] == [{"cluster": "business", "service": "auth"}]


def test_a_burst_of_errors_on_top_of_old_ones_fires() -> None:
    world = put_requests(World().put_process(AUTH, -10_000, always(1)), step_up(500, 3000, 512))
    assert min(world.find_firing("ErrorBurst")) == 3000


def test_requests_that_a_client_got_wrong_are_no_errors() -> None:
    world = put_requests(World().put_process(AUTH, -10_000, always(1)), step_up(None, 3000, 500), "404")
    assert world.find_firing("ErrorBurst") == {}


def test_a_service_that_is_down_for_a_minute_fires() -> None:
    firing = World().put("up", AUTH, step_up(1, 3000, 0)).find_firing("ServiceDown")
    assert min(firing) == 3060
    assert firing[3060][0]["service"] == "auth"
    assert World().put("up", AUTH, lambda s: 0 if 3000 <= s < 3050 else 1).find_firing("ServiceDown") == {}


@pytest.mark.parametrize("name", ["pg_up", "redis_up", "nginx_up"])
def test_a_server_behind_an_exporter_that_is_up_fires(name: str) -> None:
    target = {"cluster": "business", "service": "postgres", "instance": "postgres-exporter:9187", "job": "exporters"}
    firing = World().put("up", target, always(1)).put(name, target, step_up(1, 3000, 0)).find_firing("ServiceDown")
    assert min(firing) == 3060
    assert [labels["service"] for labels in firing[3060]] == ["postgres"]


def make_reading(service: str, lines: At, folder: str = "/home/x/opsconductor/var/log/opsconductor") -> World:
    backend = AUTH | {"service": "backend", "instance": "backend:8000"}
    world = World().put("up", AUTH, always(1)).put("up", backend, always(1)).put("up", COLLECTOR, always(1))
    path = f"{folder}/backend/backend.log"
    world.put("promtail_read_lines_total", COLLECTOR, lambda second: second // 60, path=path)
    return world.put("promtail_read_lines_total", COLLECTOR, lines, path=f"{folder}/{service}/{service}.log")


def test_a_service_that_stops_to_log_fires_after_ten_minutes() -> None:
    firing = make_reading("auth", lambda second: min(second, 3000) // 60).find_firing("NoLogsFromService")
    assert 3000 + 600 <= min(firing) <= 3000 + 600 + 180
    assert {labels["service"] for found in firing.values() for labels in found} == {"auth"}


def test_a_service_that_never_logged_fires() -> None:
    firing = make_reading("other", always(1)).find_firing("NoLogsFromService")
    assert {labels["service"] for found in firing.values() for labels in found} == {"auth"}


def test_services_that_log_do_not_fire_nor_does_a_fresh_system() -> None:
    assert make_reading("auth", lambda second: second // 60).find_firing("NoLogsFromService") == {}
    assert make_reading("auth", lambda s: None if s < 3600 else s // 60).find_firing(
        "NoLogsFromService"
    ).keys() <= set(range(0, 3780, SCRAPE_S))


def test_of_containers_the_rule_says_nothing() -> None:
    world = World().put("up", AUTH, always(1))
    path = "/var/lib/docker/containers/0af7/0af7-json.log"
    world.put("promtail_read_lines_total", COLLECTOR, always(5), path=path)
    assert world.find_firing("NoLogsFromService") == {}


def test_a_collector_that_is_far_behind_fires() -> None:
    path = "/var/log/opsconductor/auth/auth.log"
    world = World().put("promtail_file_bytes_total", COLLECTOR, step_up(1e6, 3000, 1e9), path=path)
    world.put("promtail_read_bytes_total", COLLECTOR, step_up(1e6, 4000, 1e9), path=path)
    firing = world.find_firing("CollectorLag")
    assert (min(firing), max(firing)) == (3300, 3990)
    assert firing[3300] == [{"cluster": "observability", "service": "collector"}]


def test_a_store_that_takes_nothing_fires_and_one_that_falters_does_not() -> None:
    retries: At = lambda second: second // 30  # noqa: E731 - a function of its own says no more
    away = World().put("promtail_batch_retries_total", COLLECTOR, retries, client="a")
    away.put("promtail_sent_entries_total", COLLECTOR, lambda second: min(second, 3000), client="a")
    assert 3000 + 300 <= min(away.find_firing("CollectorCannotPush")) <= 3000 + 660
    falters = World().put("promtail_batch_retries_total", COLLECTOR, retries, client="a")
    falters.put("promtail_sent_entries_total", COLLECTOR, lambda second: second, client="a")
    assert falters.find_firing("CollectorCannotPush") == {}


@pytest.mark.parametrize(("available", "size", "fires"), [(9e8, 1e9, True), (9e10, 2e12, True), (9e9, 1e11, False)])
def test_a_disk_that_is_almost_full_fires(available: float, size: float, fires: bool) -> None:
    labels = {"device": "/dev/sda1", "fstype": "ext4", "mountpoint": "/"}
    world = World().put("node_filesystem_avail_bytes", HOST, always(available), **labels)
    world.put("node_filesystem_size_bytes", HOST, always(size), **labels)
    firing = world.find_firing("DiskReserve")
    assert bool(firing) == fires
    assert all(len(found) == 1 for found in firing.values())


def test_a_gap_in_the_metrics_fires_and_a_fresh_system_or_one_lost_scrape_does_not() -> None:
    gap = World().put("up", AUTH, lambda second: None if 3000 <= second < 3500 else 1)
    firing = gap.find_firing("MetricsGaps")
    assert 3300 <= min(firing) <= 3500
    assert max(firing) < 4200
    assert World().put("up", AUTH, step_up(None, 3000, 1)).find_firing("MetricsGaps") == {}
    lost = World().put("up", AUTH, lambda second: None if second in (3000, 3015) else 1)
    assert lost.find_firing("MetricsGaps") == {}


def test_a_loaded_platform_that_is_well_fires_nothing() -> None:
    world = make_reading("auth", lambda second: second * 10).put_process(AUTH, -5, always(1))
    put_requests(world, lambda second: second * 50, "200")
    world.put("auth_logins_total", AUTH, lambda second: second // 100, result="refused")
    world.put("auth_logins_total", AUTH, lambda second: second, result="succeeded")
    alerts = [rule.alert for rule in RULES.values() if rule.alert]
    assert {alert for alert in alerts if world.find_firing(alert)} == set()

"""alertmanager.yml: what is read, what is warned about, what is refused and where."""

from pathlib import Path

import pytest

from opsconductor.alerts.config import load_config
from opsconductor.alerts.matchers import parse_matchers
from opsconductor.alerts.routing import find_routes, group_labels
from opsconductor.model.errors import ConfigError, InputError

BASE = """
global: {resolve_timeout: 1m}
route:
  receiver: a
  group_by: [alertname]
  routes:
    - matchers: ['team=~"db|cache"', severity!="info"]
      receiver: b
      continue: true
      group_by: ['...']
    - match: {team: db}
      receiver: c
      routes:
        - match_re: {env: prod.*}
          receiver: a
receivers:
  - {name: a}
  - name: b
    webhook_configs:
      - url: http://example.test/hook
        http_config: {basic_auth: {username: u, password: hunter2}}
  - name: c
    slack_configs: [{channel: x}]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "alertmanager.yml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({"alertname": "x"}, ["a"]),
        ({"team": "cache"}, ["b"]),
        ({"team": "db"}, ["b", "c"]),
        ({"team": "db", "severity": "info"}, ["c"]),
        ({"team": "db", "severity": "info", "env": "production"}, ["a"]),
    ],
)
def test_routes(tmp_path: Path, labels: dict[str, str], receivers: list[str]) -> None:
    config = load_config(write(tmp_path, BASE))
    assert [route.receiver for route in find_routes(config.route, labels)] == receivers


def test_grouping_and_inheritance(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, BASE))
    by_all, by_name = config.route.routes[0], config.route.routes[1]
    assert dict(group_labels(by_all, {"team": "db", "x": "y"})) == {"team": "db", "x": "y"}
    assert dict(group_labels(by_name, {"alertname": "n", "x": "y"})) == {"alertname": "n"}
    assert by_name.group_wait_s == 30


def test_unknown_keys_are_named_and_secrets_hidden(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, BASE))
    assert any("slack_configs" in warning for warning in config.warnings)
    assert "hunter2" not in config.original


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("receivers: []\n", "no route provided"),
        ("route: {receiver: x}\nreceivers: [{name: a}]\n", "undefined receiver 'x'"),
        (
            "route:\n  receiver: a\n  matchers: [a=b]\nreceivers: [{name: a}]\n",
            "root route must not have any matchers",
        ),
        (
            "route:\n  receiver: a\n  routes:\n  - matchers: ['a=~\"(\"']\nreceivers: [{name: a}]\n",
            "cannot read matcher",
        ),
        ("route: {receiver: a, group_wait: soon}\nreceivers: [{name: a}]\n", "cannot read duration"),
        ("route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: ftp://x}]}]\n", "unsupported URL"),
        ("route: [", "cannot read YAML"),
    ],
)
def test_wrong_files_are_refused_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"alertmanager\.yml") as error:
        load_config(write(tmp_path, text))
    assert message in str(error.value)


def test_matchers() -> None:
    one, two = parse_matchers('{service=~"a|b", level!=info}')
    assert one.matches({"service": "b"})
    assert not one.matches({"service": "ab"})
    assert two.matches({})
    assert not two.matches({"level": "info"})
    with pytest.raises(InputError, match="write name="):
        parse_matchers("nonsense")

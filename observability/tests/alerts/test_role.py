"""The alerts role as a process: what a webhook receives, what silences and inhibitions hold back, what survives."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.role_process import RoleProcess

CONFIG = """
route:
  receiver: all
  group_by: [alertname]
  group_wait: 300ms
  group_interval: 500ms
  repeat_interval: 1h
  routes:
    - matchers: ['team="db"']
      receiver: db
receivers:
  - name: all
    webhook_configs:
      - url: http://127.0.0.1:PORT/all
  - name: db
    webhook_configs:
      - url: http://127.0.0.1:PORT/db
        send_resolved: false
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: [severity="warning"]
    equal: [service]
"""


class Webhook:
    """A real HTTP server that keeps what it was sent; `status` is what it answers."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if webhook.status == 200:
                    webhook.received.append((self.path, body))
                self.send_response(webhook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for at, body in self.received if at == path]


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 10) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return value


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    yield server
    server.stop()


@pytest.fixture
def role(tmp_path: Path, webhook: Webhook) -> Iterator[RoleProcess]:
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG.replace("PORT", str(webhook.server.server_port)))
    process = RoleProcess("alerts", config, tmp_path / "data").start()
    yield process
    process.stop()


def post(role: RoleProcess, *labels: dict[str, str], ended: bool = False) -> None:
    now = datetime.now(UTC)
    ends = now - timedelta(seconds=1) if ended else now + timedelta(hours=1)
    body = [
        {
            "labels": one,
            "annotations": {"summary": "s"},
            "startsAt": (now - timedelta(minutes=1)).isoformat(),
            "endsAt": ends.isoformat(),
        }
        for one in labels
    ]
    answer = httpx.post(f"{role.url}/api/v2/alerts", json=body)
    assert answer.status_code == 200, answer.text


def silence(role: RoleProcess, name: str, value: str, **more: Any) -> httpx.Response:
    now = datetime.now(UTC)
    body = {
        "matchers": [{"name": name, "value": value, "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "test",
        "comment": "c",
    }
    return httpx.post(f"{role.url}/api/v2/silences", json=body | more)


def test_a_group_is_sent_once_and_its_end_later(role: RoleProcess, webhook: Webhook) -> None:
    alerts = [{"alertname": "Down", "service": name} for name in ("auth", "backend")]
    post(role, *alerts)
    first = wait_for(lambda: webhook.bodies("/all"), "a notification")[0]
    assert first["status"] == "firing"
    assert first["version"] == "4"
    assert first["groupKey"] == '{}:{alertname="Down"}'
    assert first["groupLabels"] == first["commonLabels"] == {"alertname": "Down"}
    assert sorted(one["labels"]["service"] for one in first["alerts"]) == ["auth", "backend"]
    post(role, *alerts)
    time.sleep(1.3)
    assert len(webhook.bodies("/all")) == 1
    post(role, *alerts, ended=True)
    last = wait_for(lambda: webhook.bodies("/all")[1:], "the resolved notification")[0]
    assert last["status"] == "resolved"
    assert {one["status"] for one in last["alerts"]} == {"resolved"}


def test_routes_choose_the_receiver(role: RoleProcess, webhook: Webhook) -> None:
    post(role, {"alertname": "Slow", "team": "db"})
    body = wait_for(lambda: webhook.bodies("/db"), "a notification")[0]
    assert body["receiver"] == "db"
    assert body["groupKey"] == '{}/{team="db"}:{alertname="Slow"}'
    assert webhook.bodies("/all") == []


def test_a_silence_holds_back_until_it_is_expired(role: RoleProcess, webhook: Webhook) -> None:
    made = silence(role, "service", "auth")
    assert made.status_code == 200, made.text
    post(role, {"alertname": "Down", "service": "auth"}, {"alertname": "Down", "service": "backend"})
    body = wait_for(lambda: webhook.bodies("/all"), "the notification of the other")[0]
    assert [one["labels"]["service"] for one in body["alerts"]] == ["backend"]
    shown = httpx.get(f"{role.url}/api/v2/alerts", params={"filter": 'service="auth"'}).json()
    assert shown[0]["status"] == {
        "state": "suppressed",
        "silencedBy": [made.json()["silenceID"]],
        "inhibitedBy": [],
        "mutedBy": [],
    }
    assert httpx.delete(f"{role.url}/api/v2/silence/{made.json()['silenceID']}").status_code == 200
    wait_for(lambda: len(webhook.bodies("/all")) == 2, "the notification after the silence")


def test_a_source_inhibits_its_targets_of_equal_service(role: RoleProcess, webhook: Webhook) -> None:
    post(
        role,
        {"alertname": "Dead", "service": "auth", "severity": "critical"},
        {"alertname": "Slow", "service": "auth", "severity": "warning"},
        {"alertname": "Slow", "service": "backend", "severity": "warning"},
    )
    wait_for(lambda: len(webhook.bodies("/all")) == 2, "two groups")
    slow = next(body for body in webhook.bodies("/all") if body["groupLabels"]["alertname"] == "Slow")
    assert [one["labels"]["service"] for one in slow["alerts"]] == ["backend"]


def test_a_kill_forgets_nothing_and_sends_nothing_twice(role: RoleProcess, webhook: Webhook) -> None:
    silence_id = silence(role, "service", "other").json()["silenceID"]
    post(role, {"alertname": "Down", "service": "auth"})
    wait_for(lambda: webhook.bodies("/all"), "a notification")
    time.sleep(0.2)  # the answer was taken; the log entry follows it
    role.kill()
    role.start()
    assert httpx.get(f"{role.url}/api/v2/silence/{silence_id}").json()["status"]["state"] == "active"
    assert [one["labels"]["service"] for one in httpx.get(f"{role.url}/api/v2/alerts").json()] == ["auth"]
    time.sleep(1.3)
    assert len(webhook.bodies("/all")) == 1


def test_a_receiver_that_is_away_gets_it_later(role: RoleProcess, webhook: Webhook) -> None:
    webhook.status = 503
    post(role, {"alertname": "Down", "service": "auth"})
    time.sleep(0.8)
    webhook.status = 200
    wait_for(lambda: webhook.bodies("/all"), "the notification")


def test_good_alerts_of_a_bad_body_are_kept(role: RoleProcess) -> None:
    answer = httpx.post(f"{role.url}/api/v2/alerts", json=[{"labels": {}}, {"labels": {"alertname": "Good"}}])
    assert answer.status_code == 400
    assert "at least one label pair" in answer.text
    assert [one["labels"] for one in httpx.get(f"{role.url}/api/v2/alerts").json()] == [{"alertname": "Good"}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matchers": []}, "at least one matcher"),
        ({"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, "cannot read matcher"),
        ({"endsAt": "2020-01-01T00:00:00Z"}, "end time"),
        ({"startsAt": "yesterday"}, "RFC 3339"),
        ({"id": "nosuch"}, "not found"),
    ],
)
def test_bad_silences_are_refused(role: RoleProcess, change: dict[str, Any], message: str) -> None:
    answer = silence(role, "a", "b", **change)
    assert answer.status_code in (400, 404)
    assert message in answer.text
    assert httpx.get(f"{role.url}/api/v2/silences").json() == []


def test_status_hides_secrets_and_names_receivers(role: RoleProcess) -> None:
    status = httpx.get(f"{role.url}/alertmanager/api/v2/status").json()
    assert "group_wait: 300ms" in status["config"]["original"]
    assert httpx.get(f"{role.url}/api/v2/receivers").json() == [{"name": "all"}, {"name": "db"}]
    assert httpx.get(f"{role.url}/api/v1/alerts").status_code == 410

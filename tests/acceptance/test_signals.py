"""The other flows of one request: its trace, its count and exemplar, and the alert of ten failed logins."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.platform import ROOT, Platform, wait_until

ALERT = "FailedLoginBurst"


class Webhook:
    """Keeps every notification that it is sent."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                webhook.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
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

    def about(self, alert: str, status: str) -> list[dict[str, Any]]:
        return [
            one for one in self.received if one["status"] == status and one["commonLabels"].get("alertname") == alert
        ]


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory, webhook: Webhook) -> Iterator[Platform]:
    """A system of its own whose rules and groups are the shipped ones, on shorter timers, with a receiver."""
    folder = tmp_path_factory.mktemp("quick")
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    metrics = (config / "prometheus.yml").read_text()
    (config / "prometheus.yml").write_text(
        metrics.replace("scrape_interval: 15s", "scrape_interval: 2s")
        .replace("scrape_timeout: 10s", "scrape_timeout: 2s")
        .replace("evaluation_interval: 15s", "evaluation_interval: 2s")
    )
    rules = config / "rules/metrics/platform.yml"
    text = rules.read_text()
    for long, short in (
        ("[5m]", "[30s]"),
        ("offset 5m", "offset 30s"),
        ("process_start_time_seconds < 300", "process_start_time_seconds < 30"),
    ):
        assert long in text
        text = text.replace(long, short)
    rules.write_text(text)
    (config / "alertmanager.yml").write_text(
        f"""
route: {{receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h}}
receivers:
  - name: hook
    webhook_configs: [{{url: 'http://127.0.0.1:{webhook.server.server_port}/'}}]
"""
    )
    system = Platform(folder / "home")
    try:
        system.up("--config", str(config))
        yield system
    finally:
        system.down()


def ask_metrics(platform: Platform, query: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"http://127.0.0.1:{platform.port(9090)}/api/v1/query", params={"query": query}, timeout=20)
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result


def read_trace(platform: Platform, trace_id: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"http://127.0.0.1:{platform.port(16686)}/api/traces/{trace_id}", timeout=20)
    if answer.status_code == 404:
        return []
    (trace,) = answer.json()["data"]
    spans: list[dict[str, Any]] = [
        {**span, "service": trace["processes"][span["processID"]]["serviceName"]} for span in trace["spans"]
    ]
    return spans


def has_edge(spans: list[dict[str, Any]], parent: str, child: str) -> bool:
    """Whether a span of the child service has an ancestor next to it in the parent service."""
    services = {span["spanID"]: span["service"] for span in spans}
    return any(
        span["service"] == child and services.get(reference["spanID"]) == parent
        for span in spans
        for reference in span["references"]
    )


def fail_logins(platform: Platform, count: int) -> None:
    with httpx.Client(base_url=platform.door, timeout=20) as client:
        for _ in range(count):
            answer = client.post("/api/auth/login", json={"username": "nobody", "password": "wrong wrong"})
            assert answer.status_code in (401, 423, 429), answer.text


def test_every_box_is_a_target_that_is_up(quick: Platform) -> None:
    def all_up() -> bool:
        found = {one["metric"]["service"]: one["value"][1] for one in ask_metrics(quick, "up")}
        return len(found) >= len(quick.boxes()) and set(found.values()) == {"1"}

    wait_until(all_up, 40, "up == 1 of every target")
    services = {one["metric"]["service"] for one in ask_metrics(quick, "up")}
    assert services >= (quick.boxes().keys() - {"exporters"})


def test_a_browser_request_has_spans_of_each_service(quick: Platform) -> None:
    with httpx.Client(base_url=quick.door, timeout=20, follow_redirects=True) as browser:
        browser.post(
            "/login", data={"username": "admin", "password": quick.password}, headers={"Origin": quick.door}
        ).raise_for_status()
        trace_id = browser.get("/jobs").headers["X-Trace-Id"]

    def is_whole() -> bool:
        spans = read_trace(quick, trace_id)
        return has_edge(spans, "frontend", "auth") and has_edge(spans, "frontend", "backend")

    wait_until(is_whole, 20, f"spans frontend → auth and frontend → backend of {trace_id}")


def test_a_run_s_trace_reaches_the_worker_and_the_request_is_counted(quick: Platform) -> None:
    with quick.log_in() as client:
        (job,) = client.get("/api/jobs").json()["items"][:1]
        answer = client.post(f"/api/jobs/{job['id']}/runs")
        assert answer.status_code == 202, answer.text
        trace_id = answer.headers["X-Trace-Id"]
    spans = wait_until(
        lambda: (found := read_trace(quick, trace_id)) and has_edge(found, "backend", "worker") and found,
        30,
        f"the span backend → worker of {trace_id}",
    )
    assert has_edge(spans, "backend", "auth")
    counted = 'http_server_request_duration_seconds_count{service="backend",http_route=~"/api/jobs/.+/runs"}'
    wait_until(lambda: ask_metrics(quick, counted), 20, "the request's count in the metrics role")


def test_an_exemplar_leads_to_its_trace(quick: Platform) -> None:
    def find() -> str | None:
        now = time.time()
        answer = httpx.get(
            f"http://127.0.0.1:{quick.port(9090)}/api/v1/query_exemplars",
            params={
                "query": 'http_server_request_duration_seconds_bucket{service="backend"}',
                "start": now - 300,
                "end": now + 10,
            },
            timeout=20,
        )
        ids = [exemplar["labels"]["trace_id"] for series in answer.json()["data"] for exemplar in series["exemplars"]]
        return next((one for one in ids if read_trace(quick, one)), None)

    with quick.log_in() as client:
        client.get("/api/targets")
    wait_until(find, 30, "an exemplar whose trace is stored")


@pytest.mark.timeout(240)
def test_ten_failed_logins_notify_once_then_resolve_and_a_silence_holds_back(
    quick: Platform, webhook: Webhook
) -> None:
    fail_logins(quick, 10)
    first = wait_until(lambda: webhook.about(ALERT, "firing"), 60, "the notification of the burst")
    assert len(first[0]["alerts"]) == 1
    wait_until(lambda: webhook.about(ALERT, "resolved"), 90, "the resolved notification")
    assert len(webhook.about(ALERT, "firing")) == 1
    now = datetime.now(UTC)
    silence = httpx.post(
        f"http://127.0.0.1:{quick.port(9093)}/api/v2/silences",
        json={
            "matchers": [{"name": "alertname", "value": ALERT, "isRegex": False, "isEqual": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "test",
            "comment": "maintenance",
        },
        timeout=20,
    )
    assert silence.status_code == 200, silence.text
    fail_logins(quick, 10)
    active = f"http://127.0.0.1:{quick.port(9093)}/api/v2/alerts"

    def is_suppressed() -> bool:
        alerts = httpx.get(active, params={"filter": f'alertname="{ALERT}"'}, timeout=20).json()
        return any(alert["status"]["state"] == "suppressed" for alert in alerts)

    wait_until(is_suppressed, 60, "the silenced alert")
    time.sleep(4)
    assert len(webhook.about(ALERT, "firing")) == 1


@pytest.mark.timeout(240)
def test_each_killed_role_is_ready_again_by_itself(quick: Platform, tmp_path: Path) -> None:
    for name in ("metrics", "alerts", "traces", "dashboards", "exporters"):
        killed = quick.boxes()[name]["pid"]
        quick.kill_box(name)
        wait_until(
            lambda name=name, killed=killed: (
                (now := quick.boxes()[name])["state"] == "healthy" and now["pid"] != killed
            ),
            60,
            f"{name} back by itself",
        )
    wait_until(lambda: {one["value"][1] for one in ask_metrics(quick, "up")} == {"1"}, 60, "every target up again")

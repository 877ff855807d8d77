"""The metrics role as a process: scrape, remote write, queries, rules with alerts, kill -9."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cramjam
import httpx
import pytest
from support.role_process import RoleProcess

from opsconductor.metrics.remote_write import MESSAGES
from opsconductor.model.protobuf import build_pool, message_class

RULES = """
groups:
  - name: platform
    interval: 300ms
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up == 0
        labels: {severity: page}
        annotations: {summary: '{{ $labels.instance }} is down'}
"""
CONFIG = """
global: {scrape_interval: 300ms, scrape_timeout: 250ms}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:PORT']}]}]}
scrape_configs:
  - job_name: app
    static_configs: [{targets: ['127.0.0.1:PORT'], labels: {service: app}}]
"""


class Target:
    """A real HTTP server: exposes metrics on GET, keeps what is posted to it (alerts)."""

    def __init__(self) -> None:
        self.text = "requests_total 1\n"
        self.status = 200
        self.posted: list[Any] = []
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(target.status, target.text.encode())

            def do_POST(self) -> None:
                target.posted += json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.answer(200, b"{}")

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header(
                    "Content-Type", "application/openmetrics-text" if "# EOF" in target.text else "text/plain"
                )
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    server = Target()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def role(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Iterator[RoleProcess]:
    folder = tmp_path_factory.mktemp("metrics")
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.replace("PORT", str(target.server.server_port)))
    (folder / "rules.yml").write_text(RULES)
    process = RoleProcess("metrics", config, folder / "data").start()
    yield process
    process.stop()


def ask(role: RoleProcess, path: str, **parameters: Any) -> Any:
    answer = httpx.get(f"{role.url}/api/v1/{path}", params=parameters, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def value_of(role: RoleProcess, query: str) -> float | None:
    result = ask(role, "query", query=query)["result"]
    return float(result[0]["value"][1]) if result else None


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 20) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return value


def encode(series: list[tuple[dict[str, str], list[tuple[int, float]]]]) -> bytes:
    request = message_class(build_pool("test", MESSAGES), "test", "WriteRequest")()
    for labels, samples in series:
        one = request.series.add()
        for name, text in sorted(labels.items()):
            pair = one.labels.add()
            pair.name, pair.value = name.encode(), text.encode()
        for at, value in samples:
            sample = one.samples.add()
            sample.timestamp, sample.value = at, value
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def write(role: RoleProcess, *series: tuple[dict[str, str], list[tuple[int, float]]]) -> httpx.Response:
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    return httpx.post(f"{role.url}/api/v1/write", content=encode(list(series)), headers=headers, timeout=20)


def test_a_target_is_scraped_and_its_series_end_with_it(role: RoleProcess, target: Target) -> None:
    target.text = "requests_total 41\nqueue 7\n"
    wait_for(lambda: value_of(role, "requests_total") == 41, "the sample")
    assert value_of(role, 'up{service="app"}') == 1
    target.text = "requests_total 42\n"
    wait_for(lambda: value_of(role, "queue") is None, "the stale marker")
    assert value_of(role, "requests_total") == 42
    (shown,) = ask(role, "targets")["activeTargets"]
    assert shown["health"] == "up"


def test_a_dead_target_is_down_and_the_rule_tells(role: RoleProcess, target: Target) -> None:
    target.status, target.posted = 500, []
    wait_for(lambda: value_of(role, "up") == 0, "up == 0")
    alert = wait_for(lambda: target.posted, "the alert")[0]
    assert alert["labels"]["alertname"] == "Down"
    assert alert["annotations"]["summary"].endswith("is down")
    assert [one["state"] for one in ask(role, "alerts")["alerts"]] == ["firing"]
    assert value_of(role, 'ALERTS{alertstate="firing"}') == 1
    target.status, target.posted = 200, []
    ended = wait_for(lambda: [one for one in target.posted if one["labels"]["alertname"] == "Down"], "its end")[0]
    assert ended["endsAt"] < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 60))
    wait_for(lambda: value_of(role, "job:up:sum") == 1, "the recorded series")
    (group,) = ask(role, "rules")["groups"]
    assert [rule["health"] for rule in group["rules"]] == ["ok", "ok"]


def test_an_exemplar_leads_to_its_trace(role: RoleProcess, target: Target) -> None:
    target.text = (
        "# TYPE seconds histogram\n"
        f'seconds_bucket{{le="+Inf"}} 3 # {{trace_id="4bf92f3577b34da6a3ce929d0e0e4736"}} 0.2 {time.time():.3f}\n'
        "# EOF\n"
    )

    def find() -> list[dict[str, Any]]:
        now = time.time()
        return list(ask(role, "query_exemplars", query="seconds_bucket", start=now - 60, end=now + 60))

    found = wait_for(find, "the exemplar")
    target.text = "requests_total 42\n"
    assert found[0]["seriesLabels"]["service"] == "app"
    assert found[0]["exemplars"][0]["labels"] == {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}


def test_remote_write_and_ranges(role: RoleProcess) -> None:
    start = int(time.time()) // 60 * 60 - 3600
    samples = [((start + 15 * number) * 1000, 10.0 * number) for number in range(40)]
    assert write(role, ({"__name__": "written_total", "a": "x"}, samples)).status_code == 204
    assert write(role, ({"__name__": "written_total", "a": "x"}, samples)).status_code == 204
    data = ask(role, "query_range", query="rate(written_total[1m])", start=start + 300, end=start + 540, step="60s")
    assert [value for _, value in data["result"][0]["values"]] == ["0.6666666666666666"] * 5
    assert (
        ask(role, "query", query="count_over_time(written_total[1h])", time=start + 1000)["result"][0]["value"][1]
        == "40"
    )
    assert {"__name__": "written_total", "a": "x"} in ask(role, "series", **{"match[]": "written_total"})
    assert "x" in ask(role, "label/a/values")


@pytest.mark.parametrize(
    ("path", "parameters", "status", "message"),
    [
        ("query", {"query": "sum("}, 400, 'invalid parameter "query": 1:5: parse error'),
        ("query", {"query": "nosuch(up)"}, 400, "unknown function"),
        ("query_range", {"query": "up", "start": 0, "end": 100000, "step": 1}, 400, "exceeded maximum resolution"),
        ("query_range", {"query": "up", "start": 10, "end": 0, "step": 1}, 400, "end timestamp must not be before"),
        ("query_range", {"query": "up", "start": 0, "end": 10, "step": 0}, 400, "zero or negative"),
        ("query", {"query": "up", "time": "yesterday"}, 400, "valid timestamp"),
        ("series", {}, 400, "no match[] parameter"),
        ("query", {"query": "label_replace(up, '', '', 'a', '')"}, 422, "invalid destination label name"),
    ],
)
def test_wrong_requests(role: RoleProcess, path: str, parameters: dict[str, Any], status: int, message: str) -> None:
    answer = httpx.get(f"{role.url}/api/v1/{path}", params=parameters)
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == "error"
    assert message in answer.json()["error"]


def test_wrong_writes_are_refused_for_good(role: RoleProcess) -> None:
    for content in (b"", b"nonsense", bytes(cramjam.snappy.compress_raw(b"\xff\xff"))):
        answer = httpx.post(f"{role.url}/api/v1/write", content=content)
        assert answer.status_code in (204, 400)
    assert write(role, ({"a": "x"}, [(1000, 1.0)])).status_code == 400
    assert "no metric name" in write(role, ({"a": "x"}, [(1000, 1.0)])).text


def test_a_kill_loses_no_acknowledged_sample(tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    role = RoleProcess("metrics", config, tmp_path / "data").start()
    now, acknowledged = int(time.time() * 1000), 0
    try:
        for _ in range(3):
            for _ in range(20):
                answer = write(
                    role, ({"__name__": "sent_total"}, [(now - 3_000_000 + acknowledged * 1000, acknowledged)])
                )
                assert answer.status_code == 204
                acknowledged += 1
            role.kill()
            role.start()
        assert value_of(role, "count_over_time(sent_total[2h])") == acknowledged
        assert value_of(role, "sum_over_time(sent_total[2h])") == sum(range(acknowledged))
    finally:
        role.stop()


def test_a_wrong_configuration_is_one_line_and_status_2(tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text("scrape_configs:\n  - job_name: x\n    scrape_interval: soon\n")
    role = RoleProcess("metrics", config, tmp_path / "data")
    with pytest.raises(AssertionError, match="not ready"):
        role.start(ready_s=10)
    text = role.output.read_text()
    assert "prometheus.yml:3" in text
    assert "Traceback" not in text

"""The collector and the log store as processes: both are killed under load, every line is there once."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.role_process import RoleProcess

PROMTAIL = """
clients:
  - url: http://127.0.0.1:{port}/loki/api/v1/push
    timeout: 2s
    backoff_config: {{min_period: 50ms, max_period: 200ms}}
scrape_configs:
  - job_name: app
    static_configs: [{{labels: {{__path__: '{root}/log/*.log', cluster: business}}}}]
"""
LOKI = "auth_enabled: false\nlimits_config: {max_entries_limit_per_query: 100000}\n"


@pytest.fixture
def roles(tmp_path: Path) -> Iterator[tuple[RoleProcess, RoleProcess]]:
    (tmp_path / "log").mkdir()
    (tmp_path / "loki.yml").write_text(LOKI)
    logs = RoleProcess("logs", tmp_path / "loki.yml", tmp_path / "logs")
    (tmp_path / "promtail.yml").write_text(PROMTAIL.format(port=logs.port, root=tmp_path))
    collector = RoleProcess("collector", tmp_path / "promtail.yml", tmp_path / "collector")
    yield collector, logs
    collector.kill()
    logs.kill()


def _read_lines(logs: RoleProcess) -> list[str]:
    parameters = {"query": '{cluster="business"}', "limit": "100000", "since": "1h"}
    answer = httpx.get(f"{logs.url}/loki/api/v1/query_range", params=parameters, timeout=20).raise_for_status().json()
    return [line for stream in answer["data"]["result"] for _, line in stream["values"]]


def test_every_line_is_stored_once_though_both_are_killed(
    tmp_path: Path, roles: tuple[RoleProcess, RoleProcess]
) -> None:
    collector, logs = roles
    written: list[str] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            for name in ("a", "b"):
                with (tmp_path / "log" / f"{name}.log").open("a") as file:
                    for _ in range(5):
                        written.append(f"line {len(written)}")
                        file.write(written[-1] + "\n")
            time.sleep(0.02)

    logs.start()
    collector.start()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(2):
            for role in (collector, logs):
                time.sleep(random.uniform(0.3, 0.8))
                role.kill()
                role.start()
    finally:
        done.set()
        writer.join()
    deadline = time.monotonic() + 30
    while len(found := _read_lines(logs)) < len(written) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert sorted(found) == sorted(written)

"""The observability cluster may die: no business request fails, and afterwards every line is there exactly once."""

import os
import time
from collections import Counter

import pytest
from support.load import run_load
from support.platform import Platform, kill_tree, wait_until

KILLS = int(os.environ.get("OPSCONDUCTOR_TEST_KILLS", "5"))


def assert_each_line_once(platform: Platform, service: str, traces: list[str]) -> None:
    """Every line that the service wrote about these traces is in the store once; nothing else is."""
    wanted_traces = set(traces)

    def is_wanted(line: str) -> bool:
        return any(trace in line for trace in wanted_traces)

    def trace_lines(lines: list[str]) -> Counter[str]:
        return Counter(line for line in lines if is_wanted(line))

    written = trace_lines(platform.read_files(service))
    assert len(written) >= len(wanted_traces), f"{service} wrote fewer lines than requests were answered"
    selector = f'{{service="{service}"}} |= "/api/"'

    def read_stored() -> Counter[str]:
        return trace_lines([line for _, _, line in platform.query(selector)])

    wait_until(lambda: read_stored().total() >= written.total(), 60, f"all lines of {service}")
    time.sleep(1.0)  # a resend that doubles lines would arrive now
    assert read_stored() == Counter({line: count for line, count in written.items() if "/api/" in line})


@pytest.mark.timeout(240)
def test_the_observability_cluster_dies_and_nobody_notices(platform: Platform) -> None:
    with run_load(platform, most=600) as load:
        wait_until(lambda: len(load.answered) > 20, 30, "load before the kill")
        kill_tree(platform.clusters()["observability"]["pid"])
        killed_at = len(load.answered)
        wait_until(lambda: len(load.answered) > killed_at + 100, 60, "load while observability is dead")
        platform.up("--only", "observability")
        back_at = len(load.answered)
        wait_until(lambda: len(load.answered) > back_at + 20, 30, "load after the return")
    assert load.failed == []
    for service in ("nginx", "auth", "backend"):
        assert_each_line_once(platform, service, load.answered)


@pytest.mark.timeout(60 + 60 * KILLS)
def test_killed_collector_and_log_store_lose_and_double_nothing(platform: Platform) -> None:
    with run_load(platform, pause_s=0.05, most=300 * KILLS) as load:
        for number in range(KILLS):
            for name in ("logs", "collector"):
                killed = platform.boxes()[name]["pid"]
                kill_tree(killed)
                wait_until(
                    lambda name=name, killed=killed: (
                        (now := platform.boxes()[name])["state"] == "healthy" and now["pid"] != killed
                    ),
                    60,
                    f"{name} back by itself after kill {number + 1}",
                )
    assert load.failed == []
    for service in ("nginx", "backend"):
        assert_each_line_once(platform, service, load.answered)

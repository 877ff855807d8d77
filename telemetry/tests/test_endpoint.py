import asyncio

import httpx
import pytest

from opsconductor_telemetry import endpoint
from opsconductor_telemetry.endpoint import MetricsEndpoint
from opsconductor_telemetry.metrics import Counter, Gauge, Registry


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    Counter("logins_total", "Logins.", registry=registry).add()
    return registry


def ask(app: MetricsEndpoint, method: str = "GET", **headers: str) -> "asyncio.Future[httpx.Response]":
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    return client.request(method, "/metrics", headers=headers)


async def test_the_format_is_the_scrapers_choice(registry) -> None:
    plain = await ask(MetricsEndpoint(registry=registry))
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert plain.text.splitlines()[-1] == "logins_total 1.0"
    open_metrics = await ask(MetricsEndpoint(registry=registry), accept="application/openmetrics-text;version=1.0.0")
    assert open_metrics.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert open_metrics.text.endswith("# EOF\n")


async def test_other_methods_are_refused(registry) -> None:
    answer = await ask(MetricsEndpoint(registry=registry), "POST")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_gauges_are_looked_up_at_each_scrape(registry) -> None:
    gauge = Gauge("depth", "Depth.", labels=("queue",), registry=registry)
    seen = iter([{("a",): 1.0}, {("b",): 2.0}])

    async def look_up() -> dict[tuple[str, ...], float]:
        return next(seen)

    app = MetricsEndpoint({gauge: look_up}, registry)
    assert 'depth{queue="a"} 1.0' in (await ask(app)).text
    second = (await ask(app)).text
    assert 'depth{queue="b"} 2.0' in second
    assert 'queue="a"' not in second


async def test_a_look_up_that_fails_or_hangs_shows_no_old_value(registry, monkeypatch) -> None:
    monkeypatch.setattr(endpoint, "LOOK_UP_TIMEOUT_S", 0.05)
    broken, hanging = Gauge("broken", "Broken.", registry=registry), Gauge("hanging", "Hanging.", registry=registry)
    broken.set(1)
    hanging.set(1)

    async def fail() -> dict[tuple[str, ...], float]:
        raise OSError("no database")

    async def hang() -> dict[tuple[str, ...], float]:
        await asyncio.sleep(60)
        return {}

    answer = await ask(MetricsEndpoint({broken: fail, hanging: hang}, registry))
    assert answer.status_code == 200
    assert [line for line in answer.text.splitlines() if not line.startswith("#")] == ["logins_total 1.0"]


async def test_the_process_describes_itself() -> None:
    lines = (await ask(MetricsEndpoint())).text.splitlines()
    values = {
        name: float(value)
        for name, value in (line.split(" ") for line in lines if "{" not in line and line[0] != "#")
    }
    assert values["process_resident_memory_bytes"] > 1e6
    assert values["process_virtual_memory_bytes"] >= values["process_resident_memory_bytes"]
    assert values["process_cpu_seconds_total"] > 0
    assert 3 <= values["process_open_fds"] < values["process_max_fds"]


async def test_the_start_is_when_the_process_started() -> None:
    import os
    import time
    from pathlib import Path

    text = (await ask(MetricsEndpoint())).text
    start = float(
        next(line for line in text.splitlines() if line.startswith("process_start_time_seconds")).split()[1]
    )
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    started_after_boot_s = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf(
        "SC_CLK_TCK"
    )
    assert start == pytest.approx(time.time() - uptime_s + started_after_boot_s, abs=2)

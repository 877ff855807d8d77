"""Seconds from nothing to ready, from stopped to ready, and from a request to its lines in the log store; memory."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.platform import Platform, list_tree, wait_until


def measure_rss_mb(pid: int) -> float:
    """Resident memory of the process and its descendants, MB, and proportional share of shared pages."""
    total = 0.0
    for task in list_tree(pid):
        try:
            text = Path(f"/proc/{task}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024
    return total


def measure_journey(platform: Platform, rounds: int = 10) -> list[float]:
    """Seconds from the answer of a request that starts a run to the line of each of four services being found."""
    took = []
    with platform.log_in() as client:
        target = client.post("/api/targets", json={"name": "door", "kind": "http", "address": platform.door}).json()
        job = client.post(
            "/api/jobs",
            json={
                "name": "bench",
                "target_ids": [target["id"]],
                "actions": [{"kind": "http", "method": "GET", "path": "/health"}],
            },
        ).json()
        for _ in range(rounds):
            trace_id = client.post(f"/api/jobs/{job['id']}/runs").headers["X-Trace-Id"]
            start = time.monotonic()

            def is_found(trace_id: str = trace_id) -> bool:
                lines = platform.query(f'{{cluster="business"}} |= "{trace_id}"', since_s=60)
                return {labels["service"] for labels, _, _ in lines} >= {"nginx", "auth", "backend", "worker"}

            wait_until(is_found, 30, trace_id)
            took.append(time.monotonic() - start)
    return took


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="opsconductor-bench-") as folder:
        platform = Platform(Path(folder) / "home")
        try:
            start = time.monotonic()
            platform.up()
            print(f"first start (databases created): {time.monotonic() - start:.1f} s")
            journey = measure_journey(platform)
            print(
                f"request to lines of 4 services: median {statistics.median(journey):.2f} s, max {max(journey):.2f} s"
            )
            time.sleep(20)
            for name, cluster in platform.clusters().items():
                print(f"{name}: {measure_rss_mb(cluster['pid']):.0f} MB (PSS, supervisor included)")
                for box in cluster["boxes"]:
                    print(f"  {box['name']}: {measure_rss_mb(box['pid']):.0f} MB")
            start = time.monotonic()
            platform.down()
            print(f"down: {time.monotonic() - start:.1f} s")
            start = time.monotonic()
            platform.up()
            print(f"second start: {time.monotonic() - start:.1f} s")
        finally:
            platform.down()


if __name__ == "__main__":
    main()

"""Latency of business requests with the observability cluster alive, hanging (stopped) and dead."""

import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.platform import Platform, kill_tree, list_tree

REQUESTS = 1500


def measure(platform: Platform, name: str) -> None:
    """Sequential requests through Nginx: backend, session check, database."""
    took, failed = [], 0
    with platform.log_in() as client:
        for _ in range(50):
            client.get("/api/targets")
        for _ in range(REQUESTS):
            start = time.perf_counter()
            failed += client.get("/api/targets").status_code != 200
            took.append((time.perf_counter() - start) * 1000)
    took.sort()
    p50, p99 = statistics.median(took), took[int(len(took) * 0.99)]
    print(f"{name:28} p50 {p50:5.1f} ms  p99 {p99:5.1f} ms  max {took[-1]:6.1f} ms  failed {failed} of {REQUESTS}")


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="opsconductor-bench-") as folder:
        platform = Platform(Path(folder) / "home")
        try:
            platform.up()
            measure(platform, "observability alive")
            stopped = [pid for box in platform.clusters()["observability"]["boxes"] for pid in list_tree(box["pid"])]
            supervisor = platform.clusters()["observability"]["pid"]
            for pid in (supervisor, *stopped):
                os.kill(pid, signal.SIGSTOP)
            measure(platform, "observability hanging")
            kill_tree(supervisor)
            measure(platform, "observability dead")
            platform.up("--only", "observability")
            measure(platform, "observability back")
        finally:
            platform.down()


if __name__ == "__main__":
    main()

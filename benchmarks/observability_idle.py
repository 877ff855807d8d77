"""The observability cluster at rest: seconds to ready, memory and CPU of its boxes after a minute."""

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.platform import Platform, list_tree

SETTLE_S, WATCH_S = 60, 30


def read_memory_mb(pids: list[int]) -> tuple[float, float]:
    """(resident, proportional share of what is mapped by several) of all these processes, MB."""
    rss = pss = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        rss += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Rss:"))
        pss += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return rss / 1024, pss / 1024


def read_cpu_s(pids: list[int]) -> float:
    """CPU seconds that these processes have used."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print the figures; the business cluster is down, so that nothing but the cluster itself is scraped and read."""
    with tempfile.TemporaryDirectory(prefix="opsconductor-bench-") as folder:
        platform = Platform(Path(folder) / "home")
        try:
            platform.up("--only", "observability")
            platform.down()
            start = time.monotonic()
            platform.up("--only", "observability")
            print(f"ready after {time.monotonic() - start:.1f} s (goal 5 s)")
            time.sleep(SETTLE_S)
            cluster = platform.clusters()["observability"]
            boxes = {box["name"]: list_tree(box["pid"]) for box in cluster["boxes"]}
            before = {name: read_cpu_s(pids) for name, pids in boxes.items()}
            time.sleep(WATCH_S)
            rss_sum = pss_sum = cpu_sum = 0.0
            for name, pids in boxes.items():
                rss, pss = read_memory_mb(pids)
                cpu = (read_cpu_s(pids) - before[name]) / WATCH_S * 100
                rss_sum, pss_sum, cpu_sum = rss_sum + rss, pss_sum + pss, cpu_sum + cpu
                print(f"  {name:12} {len(pids)} processes  RSS {rss:4.0f} MB  PSS {pss:4.0f} MB  CPU {cpu:4.1f} %")
            print(f"together RSS {rss_sum:.0f} MB, PSS {pss_sum:.0f} MB (goal 450), CPU {cpu_sum:.1f} % (goal 5)")
        finally:
            platform.down()


if __name__ == "__main__":
    main()

"""Up, down, status: idempotent, separate, and nothing left behind."""

import os
import signal
from pathlib import Path

import pytest
from support.platform import BUSINESS, Platform, find_offset, wait_until


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in (Path("/proc") / str(pid) / "status").read_text()
    except OSError:
        return False


def list_pids(platform: Platform) -> dict[str, int]:
    return {name: box["pid"] for name, box in platform.boxes().items()}


def test_up_again_changes_nothing(platform: Platform) -> None:
    before = list_pids(platform)
    again = platform.up()
    assert list_pids(platform) == before
    assert "administrator-password" in again.stdout
    for box in BUSINESS:
        assert box in again.stdout


def test_status_names_every_box_and_its_port(platform: Platform) -> None:
    boxes = platform.boxes()
    assert {*BUSINESS, "collector", "logs"} <= boxes.keys()
    assert {box["state"] for box in boxes.values()} == {"healthy"}
    assert boxes["logs"]["port"] == platform.port(3100)


def test_the_clusters_share_no_process(platform: Platform) -> None:
    clusters = platform.clusters().values()
    pids = [{cluster["pid"], *(box["pid"] for box in cluster["boxes"])} for cluster in clusters]
    assert len(clusters) == 2
    assert not pids[0] & pids[1]


def test_an_occupied_port_names_its_owner_and_the_way_out(platform: Platform, tmp_path: Path) -> None:
    second = Platform(tmp_path / "second", offset=platform.offset)
    done = second.run("up", "--detach", "--wait", "--port-offset", str(platform.offset), check=False)
    assert done.returncode != 0
    assert f"pid {list_pids(platform)['nginx']}" in done.stderr
    assert "PORT_OFFSET=" in done.stderr


@pytest.mark.timeout(180)
def test_a_killed_supervisor_leaves_no_orphan_and_the_other_cluster_alone(tmp_path: Path) -> None:
    system = Platform(tmp_path / "home", find_offset())
    try:
        system.up()
        clusters = system.clusters()
        boxes = [box["pid"] for box in clusters["business"]["boxes"]]
        others = [box["pid"] for box in clusters["observability"]["boxes"]]
        os.kill(clusters["business"]["pid"], signal.SIGKILL)
        wait_until(lambda: not any(is_alive(pid) for pid in boxes), 20, "the end of the business boxes")
        assert all(is_alive(pid) for pid in others)
        system.up("--only", "business")
        with system.log_in() as client:
            assert client.get("/api/targets").status_code == 200
        remembered = [*list_pids(system).values(), *(cluster["pid"] for cluster in system.clusters().values())]
    finally:
        system.down()
    wait_until(lambda: not any(is_alive(pid) for pid in remembered), 10, "the end of every process after down")

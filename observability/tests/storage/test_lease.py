import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from opsconductor.storage.lease import acquire_lease, oldest_lease, process_start
from opsconductor.storage.manifest import Manifest, load_manifest, publish_manifest

HOUR = 3_600_000_000_000
TAKE = (
    "import sys, time; from pathlib import Path; from opsconductor.storage.lease import acquire_lease;"
    "acquire_lease(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
)


def publish(data: Path) -> None:
    base = load_manifest(data)
    publish_manifest(data, replace(base, version=base.version + 1))


def test_the_oldest_live_lease_counts(tmp_path: Path) -> None:
    assert oldest_lease(tmp_path, HOUR) is None
    _, first = acquire_lease(tmp_path)
    publish(tmp_path)
    manifest, second = acquire_lease(tmp_path)
    assert (first.version, second.version, manifest.version) == (0, 1, 1)
    assert oldest_lease(tmp_path, HOUR) == 0
    first.release()
    first.release()
    assert oldest_lease(tmp_path, HOUR) == 1
    second.release()
    assert oldest_lease(tmp_path, HOUR) is None


def test_a_lease_of_a_killed_process_ends(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", TAKE, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert oldest_lease(tmp_path, HOUR) == 0
        process.kill()
    assert oldest_lease(tmp_path, HOUR) is None
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_lease_of_a_reused_pid_ends(tmp_path: Path) -> None:
    acquire_lease(tmp_path)
    (lease,) = (tmp_path / "leases").iterdir()
    version, pid, start, number = lease.name.split(".")
    assert start == process_start(os.getpid())
    lease.rename(lease.with_name(f"{version}.{pid}.{int(start) + 1}.{number}"))
    assert oldest_lease(tmp_path, HOUR) is None


def test_a_lease_past_its_bound_ends(tmp_path: Path) -> None:
    acquire_lease(tmp_path)
    (lease,) = (tmp_path / "leases").iterdir()
    os.utime(lease, ns=(0, 0))
    assert oldest_lease(tmp_path, HOUR) is None


def test_a_version_published_before_the_lease_is_there_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, lease = acquire_lease(tmp_path)
    lease.release()
    touch = Path.touch

    def touch_late(path: Path) -> None:
        monkeypatch.undo()
        publish(tmp_path)  # and its publisher looks for leases here, in vain
        touch(path)

    monkeypatch.setattr(Path, "touch", touch_late)
    manifest, lease = acquire_lease(tmp_path, known)
    assert manifest.version == lease.version == 1
    assert [path.name.split(".")[0] for path in (tmp_path / "leases").iterdir()] == ["1"]


def test_a_lease_names_the_manifest_it_comes_with(tmp_path: Path) -> None:
    """While versions are published, no lease is ever newer or older than the manifest that its reader uses."""
    publish_manifest(tmp_path, Manifest(version=1))
    done = threading.Event()

    def publish_many() -> None:
        for _ in range(40):
            publish(tmp_path)
        done.set()

    thread = threading.Thread(target=publish_many)
    thread.start()
    known = None
    while not done.is_set():
        known, lease = acquire_lease(tmp_path, known)
        assert known.version == lease.version
        assert oldest_lease(tmp_path, HOUR) == known.version
        lease.release()
    thread.join()

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from opsconductor.model.errors import UnavailableError
from opsconductor.storage.append import SourceRange
from opsconductor.storage.layout import list_wal_files, wal_path
from opsconductor.storage.reader import Reader
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.writer import Writer


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(where)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"mounting a small file system needs root: {mount.stderr.decode().strip()}")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def send(writer: Writer, kit: Any, number: int, size: int = 100_000) -> Future[int]:
    rows = [(number, 1, f"{number}:" + "x" * size)]
    return writer.append(kit.append("t", rows, SourceRange("file", number, number + 1)))


def numbers(kit: Any, data: Path) -> list[int]:
    return [int(line.partition(":")[0]) for line in kit.lines(data)]


def test_a_full_disk_refuses_and_then_resumes(small_disk: Path, kit: Any) -> None:
    data = small_disk / "data"
    with Writer.open(data, kit.table, kit.settings) as writer:
        stored = 0
        while (error := send(writer, kit, stored).exception()) is None:
            stored += 1
        assert isinstance(error, UnavailableError)
        assert "No space left" in str(error)
        assert stored > 5
        assert isinstance(send(writer, kit, stored).exception(), UnavailableError)
        assert numbers(kit, data) == list(range(stored))
        subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
        for number in range(stored, stored + 5):
            send(writer, kit, number).result()
        assert len(list_wal_files(data)) == 1
    assert numbers(kit, data) == list(range(stored + 5))
    with Writer.open(data, kit.table, kit.settings) as writer:
        assert writer.committed_sources("t") == {"file": stored + 5}
    assert numbers(kit, data) == list(range(stored + 5))


def test_a_full_disk_at_the_start_of_a_file_resumes(small_disk: Path, kit: Any) -> None:
    data = small_disk / "data"
    with Writer.open(data, kit.table, StorageSettings(disk_reserve_bytes=0, wal_file_bytes=200_000)) as writer:
        for number in range(6):
            send(writer, kit, number).result()
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        filler = small_disk / "filler"
        filler.write_bytes(bytes(free))
        for _ in range(3):
            assert isinstance(send(writer, kit, 6).exception(), UnavailableError)
        filler.unlink()
        for number in range(6, 10):
            send(writer, kit, number).result()
    assert numbers(kit, data) == list(range(10))


def test_a_write_cut_short_by_a_size_limit_is_taken_back(tmp_path: Path, kit: Any) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        send(writer, kit, 0).result()
        size = wal_path(tmp_path, 1).stat().st_size
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50_000, hard))
            error = send(writer, kit, 1).exception()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert isinstance(error, UnavailableError)
        assert wal_path(tmp_path, 1).stat().st_size == size
        send(writer, kit, 1).result()
    assert numbers(kit, tmp_path) == [0, 1]


@pytest.mark.parametrize("cut_works", [True, False])
def test_after_a_failed_fdatasync_nothing_of_the_group_counts(
    tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch, cut_works: bool
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        send(writer, kit, 0, 10).result()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", fail)
            if not cut_works:
                patch.setattr(os, "ftruncate", fail)
            assert isinstance(send(writer, kit, 1, 10).exception(), UnavailableError)
        assert numbers(kit, tmp_path) == [0]
        assert writer.committed_sources("t") == {"file": 1}
        send(writer, kit, 1, 20).result()  # the same range again, with other bytes
    assert len(list_wal_files(tmp_path)) == 2
    expected = ["0:" + "x" * 10, "1:" + "x" * 20]
    assert kit.lines(tmp_path) == expected
    if not cut_works:  # power fails before all of what was given up is on disk
        content = bytearray(wal_path(tmp_path, 1).read_bytes())
        assert b"1:xxxxxxxxxx" in content
        content[content.rindex(b"OCWF") + 70] ^= 1
        wal_path(tmp_path, 1).write_bytes(content)
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        send(writer, kit, 2, 1).result()
    kit.flush(tmp_path)
    assert kit.lines(tmp_path) == [*expected, "2:x"]
    assert not (tmp_path / "quarantine").exists()


def test_a_failed_first_group_may_be_repeated(tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    reader = Reader(tmp_path, kit.table)
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", fail)
            assert isinstance(send(writer, kit, 0, 10).exception(), UnavailableError)
        with reader.snapshot("t") as snapshot:
            assert snapshot.list_parts(0, 100) == []
        send(writer, kit, 0, 20).result()
        with reader.snapshot("t") as snapshot:  # the file it knows as empty was made anew
            (part,) = snapshot.list_parts(0, 100)
            assert kit.load(part)["line"].to_pylist() == ["0:" + "x" * 20]
    assert kit.lines(tmp_path) == ["0:" + "x" * 20]


def test_a_new_file_starts_at_its_size(tmp_path: Path, kit: Any) -> None:
    with Writer.open(tmp_path, kit.table, StorageSettings(disk_reserve_bytes=0, wal_file_bytes=4_000)) as writer:
        for number in range(10):
            send(writer, kit, number, 1_500).result()
    assert len(list_wal_files(tmp_path)) > 2
    assert numbers(kit, tmp_path) == list(range(10))

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from opsconductor.model.errors import UnavailableError
from opsconductor.storage.append import SourceRange
from opsconductor.storage.compactor import Compactor
from opsconductor.storage.disk import CorruptionError
from opsconductor.storage.layout import list_wal_files
from opsconductor.storage.manifest import load_manifest
from opsconductor.storage.reader import Reader
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.writer import Writer

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


def fill(kit: Any, data: Path, count: int, start: int = 0, step: int = 1, **options: int) -> None:
    with Writer.open(data, kit.table, StorageSettings(disk_reserve_bytes=0, **options)) as writer:
        for number in range(start, start + count):
            source = SourceRange("file", number, number + 1)
            writer.append(kit.append("t", [(number * step, number % 3, str(number))], source)).result()


@pytest.mark.parametrize(
    ("limits", "due"),
    [
        ({"flush_rows": 10}, True),
        ({"flush_rows": 11}, False),
        ({"flush_bytes": 4_000}, True),
        ({"flush_bytes": 1_000_000}, False),
        ({"flush_interval_ns": 0}, True),
        ({"flush_interval_ns": DAY}, False),
    ],
)
def test_the_rules_that_make_a_flush_due(tmp_path: Path, kit: Any, limits: dict[str, int], due: bool) -> None:
    fill(kit, tmp_path, 10)
    with Compactor(tmp_path, kit.table, StorageSettings(retention_ns=0, **limits)) as compactor:
        assert compactor.run_once() is due
    assert bool(load_manifest(tmp_path).segments) is due
    assert kit.lines(tmp_path) == [str(number) for number in range(10)]


def test_a_clock_set_back_does_not_hold_rows_up(tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now + 3_600 * SECOND)
        fill(kit, tmp_path, 3)
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:  # an hour earlier
        assert writer.append(kit.append("t", [(3, 0, "3")], SourceRange("file", 3, 4))).result() == 4
        assert writer.append(kit.append("t", [(1, 0, "back")])).result() == 5
    settings = replace(kit.settings, flush_interval_ns=60 * SECOND)
    with Compactor(tmp_path, kit.table, settings) as compactor:
        assert compactor.run_once()
    assert kit.lines(tmp_path) == ["0", "1", "2", "3", "back"]
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        assert writer.committed_sources("t") == {"file": 4}


def test_a_slice_is_bounded(tmp_path: Path, kit: Any) -> None:
    fill(kit, tmp_path, 10, wal_file_bytes=1)
    with Compactor(tmp_path, kit.table, StorageSettings(retention_ns=0, flush_rows=4)) as compactor:
        assert [compactor.run_once() for _ in range(3)] == [True, True, False]
    assert [segment.rows for segment in load_manifest(tmp_path).segments] == [4, 4]
    assert list_wal_files(tmp_path) == [9, 10]
    assert kit.lines(tmp_path) == [str(number) for number in range(10)]


def test_segments_are_split_by_tenant_and_day(tmp_path: Path, kit: Any) -> None:
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        writer.append(kit.append("a", [(0, 1, "x"), (DAY, 1, "y")])).result()
        writer.append(kit.append("b", [(-1, 1, "z")])).result()
    kit.flush(tmp_path)
    segments = load_manifest(tmp_path).segments
    assert sorted(segment.path for segment in segments) == [
        f"segments/a/default/1970-01-01/{1:020d}-{1:020d}.parquet",
        f"segments/a/default/1970-01-02/{2:020d}-{2:020d}.parquet",
        f"segments/b/default/1969-12-31/{3:020d}-{3:020d}.parquet",
    ]
    for segment in segments:
        assert pq.read_metadata(tmp_path / segment.path).num_rows == segment.rows == 1


def test_consumed_log_files_go_and_the_newest_stays(tmp_path: Path, kit: Any) -> None:
    fill(kit, tmp_path, 6, wal_file_bytes=1)
    assert len(list_wal_files(tmp_path)) == 6
    kit.flush(tmp_path)
    assert list_wal_files(tmp_path) == [6]
    fill(kit, tmp_path, 1, start=6)
    assert kit.lines(tmp_path) == [str(number) for number in range(7)]


def test_retention_is_by_event_time_and_whole_segments(tmp_path: Path, kit: Any) -> None:
    now = time.time_ns()
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        for age, line in ((40, "old"), (29, "kept"), (0, "new")):
            writer.append(kit.append("t", [(now - age * DAY, 1, line)])).result()
    kit.flush(tmp_path, replace(kit.at_once, retention_ns=30 * DAY))
    assert kit.lines(tmp_path) == ["kept", "new"]
    assert len(list((tmp_path / "segments").rglob("*.parquet"))) == 4
    kit.flush(tmp_path, replace(kit.at_once, retention_ns=DAY))
    assert kit.lines(tmp_path) == ["new"]
    assert load_manifest(tmp_path).low_watermark == 3


def test_a_lease_keeps_files_until_it_ends(tmp_path: Path, kit: Any) -> None:
    fill(kit, tmp_path, 3, step=DAY, wal_file_bytes=1)
    in_log = Reader(tmp_path, kit.table).snapshot("t")
    kit.flush(tmp_path)
    assert list_wal_files(tmp_path) == [1, 2, 3]
    assert [kit.load(part)["line"].to_pylist() for part in in_log.list_parts(0, 2**62)] == [["0", "1", "2"]]
    in_log.close()
    in_segments = Reader(tmp_path, kit.table).snapshot("t")
    kit.flush(tmp_path, replace(kit.at_once, retention_ns=DAY))
    assert list_wal_files(tmp_path) == [3]
    assert kit.lines(tmp_path) == []
    parts = in_segments.list_parts(0, 2**62)
    assert [kit.load(part)["line"].to_pylist() for part in parts] == [["2"], ["1"], ["0"]]
    assert in_segments.list_series(0, 2**62).num_rows == 3
    kit.flush(tmp_path)
    assert all(part.path and part.path.exists() for part in parts)
    in_segments.close()
    kit.flush(tmp_path)
    assert not list((tmp_path / "segments").rglob("*.parquet"))


def test_unused_sources_leave_the_manifest(tmp_path: Path, kit: Any) -> None:
    fill(kit, tmp_path, 2)
    kit.flush(tmp_path)
    assert list(load_manifest(tmp_path).sources) == ["t"]
    fill(kit, tmp_path, 1, start=2)
    kit.flush(tmp_path, replace(kit.at_once, source_ttl_ns=0))
    assert load_manifest(tmp_path).sources == {}


def test_a_second_compactor_is_refused(tmp_path: Path, kit: Any) -> None:
    with Compactor(tmp_path, kit.table), pytest.raises(UnavailableError, match="cannot compact"):
        Compactor(tmp_path, kit.table)
    Compactor(tmp_path, kit.table).close()


def test_segments_without_a_manifest_are_not_taken_for_leftovers(tmp_path: Path, kit: Any) -> None:
    fill(kit, tmp_path, 3, wal_file_bytes=1)
    kit.flush(tmp_path)
    before = sorted(tmp_path.rglob("*.parquet"))
    for path in (tmp_path / "manifest").iterdir():
        path.unlink()
    with pytest.raises(CorruptionError, match="no manifest"):
        Compactor(tmp_path, kit.table)
    assert sorted(tmp_path.rglob("*.parquet")) == before != []


def test_run_stops_when_told(tmp_path: Path, kit: Any) -> None:
    stop = threading.Event()
    with Compactor(tmp_path, kit.table, replace(kit.at_once, compactor_interval_ns=SECOND // 100)) as compactor:
        thread = threading.Thread(target=compactor.run, args=(stop,))
        thread.start()
        fill(kit, tmp_path, 5)
        deadline = time.monotonic() + 20
        while load_manifest(tmp_path).low_watermark < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        stop.set()
        thread.join()
    assert load_manifest(tmp_path).low_watermark == 5


def test_a_disk_that_refuses_changes_nothing(tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    fill(kit, tmp_path, 3)
    with Compactor(tmp_path, kit.table, kit.at_once) as compactor:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(OSError, match="No space"):
                compactor.run_once()
        assert kit.lines(tmp_path) == ["0", "1", "2"]
        assert not list(tmp_path.rglob("*.tmp"))
        assert compactor.run_once()
    assert kit.lines(tmp_path) == ["0", "1", "2"]


class Killed(BaseException):
    """Stands for kill -9: no handler of the engine runs for it."""


def test_a_compactor_killed_before_any_change_of_a_file(
    tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before its k-th fsync, rename, removal or folder, for every k: no row is lost or doubled."""
    origin = tmp_path / "origin"
    fill(kit, origin, 2, step=DAY, wal_file_bytes=1)
    kit.flush(origin, replace(kit.at_once, flush_rows=1))
    fill(kit, origin, 2, start=2, step=DAY, wal_file_bytes=1)
    expected = ["0", "1", "2", "3"]
    for kill_at in range(1, 200):
        data = tmp_path / str(kill_at)
        shutil.copytree(origin, data)
        steps = _run_killed(kit, data, monkeypatch, kill_at)
        assert kit.lines(data) == expected, kill_at
        fill(kit, data, 1, start=4, step=DAY // 2)  # the slice that is done again ends elsewhere
        kit.flush(data)
        assert kit.lines(data) == [*expected, "4"], kill_at
        named = {segment.path for segment in load_manifest(data).segments}
        found = {str(path.relative_to(data)) for path in (data / "segments").rglob("*") if path.is_file()}
        assert found == named | {path.replace(".parquet", ".series.parquet") for path in named}, kill_at
        if steps < kill_at:
            break
    assert 15 < steps < 100


def _run_killed(kit: Any, data: Path, monkeypatch: pytest.MonkeyPatch, kill_at: int) -> int:
    steps = 0

    def count(real: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **options: object) -> object:
            nonlocal steps
            steps += 1
            if steps == kill_at:
                raise Killed
            return real(*arguments, **options)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", count(os.fsync))
        for name in ("replace", "unlink", "mkdir", "rmdir"):
            patch.setattr(Path, name, count(getattr(Path, name)))
        compactor = None
        try:
            compactor = Compactor(data, kit.table, kit.at_once)
            while compactor.run_once():
                pass
        except Killed:
            pass
    if compactor:
        compactor.close()
    return steps

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from opsconductor.model.errors import UnavailableError
from opsconductor.storage.append import SourceRange
from opsconductor.storage.disk import CorruptionError
from opsconductor.storage.layout import list_wal_files, wal_path
from opsconductor.storage.reader import Reader
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.walfile import map_file
from opsconductor.storage.writer import Writer


def fill(kit: Any, data: Path, count: int, start: int = 0, **options: int) -> None:
    with Writer.open(data, kit.table, StorageSettings(disk_reserve_bytes=0, retention_ns=0, **options)) as writer:
        for number in range(start, start + count):
            source = SourceRange("file", number, number + 1)
            writer.append(kit.append("t", [(number, 1, str(number))], source)).result()


def frame_ends(path: Path) -> list[int]:
    return [item.end for item in map_file(path).scan(0)]


def test_a_log_cut_at_any_offset_keeps_what_is_whole(tmp_path: Path, kit: Any) -> None:
    """As after a power loss: the published position is lost, the last frame is half there."""
    origin = tmp_path / "origin"
    fill(kit, origin, 3)
    path = wal_path(origin, 1)
    ends = frame_ends(path)
    for cut in [*range(ends[1], ends[2], 7), ends[2] - 1, ends[2]]:
        data = tmp_path / f"cut{cut}"
        shutil.copytree(origin, data)
        (data / "wal" / "committed").unlink()
        with wal_path(data, 1).open("r+b") as file:
            file.truncate(cut)
        whole = 3 if cut == ends[2] else 2
        with Writer.open(data, kit.table, kit.settings) as writer:
            assert writer.committed_sources("t") == {"file": whole}
            assert kit.lines(data) == ["0", "1", "2"][:whole]
            assert wal_path(data, 1).stat().st_size == ends[whole - 1]
            number = writer.append(kit.append("t", [(9, 1, "new")], SourceRange("file", whole, 9))).result()
            assert number == whole + 1
        assert kit.lines(data) == [*["0", "1", "2"][:whole], "new"]
        assert not (data / "quarantine").exists()


def test_complete_frames_that_were_never_acknowledged_count(tmp_path: Path, kit: Any) -> None:
    fill(kit, tmp_path, 2)
    saved = (tmp_path / "wal" / "committed").read_bytes()
    with Writer.open(tmp_path, kit.table, kit.settings):
        pass
    fill(kit, tmp_path, 2, start=2)
    newest = list_wal_files(tmp_path)[-1]
    (tmp_path / "wal" / "committed").write_bytes(saved)  # killed between fdatasync and publication
    assert kit.lines(tmp_path) == ["0", "1"]
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        assert writer.committed_sources("t") == {"file": 4}
    assert kit.lines(tmp_path) == ["0", "1", "2", "3"]
    assert newest == 3


def test_damage_in_the_middle_is_kept_aside_and_the_rest_is_read(
    tmp_path: Path, kit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    origin = tmp_path / "origin"
    fill(kit, origin, 3)
    ends = frame_ends(wal_path(origin, 1))
    for at in range(ends[0], ends[1] - 64, 37):
        data = tmp_path / f"at{at}"
        shutil.copytree(origin, data)
        content = bytearray(wal_path(data, 1).read_bytes())
        content[at] ^= 0x55
        wal_path(data, 1).write_bytes(content)
        caplog.clear()
        for _ in range(2):  # a second start neither copies nor reports again
            with Writer.open(data, kit.table, kit.settings) as writer:
                assert writer.committed_sources("t") == {"file": 3}
            assert kit.lines(data) == ["0", "2"]
        (copy,) = (data / "quarantine").iterdir()
        assert copy.read_bytes() == content[ends[0] : ends[1]]
        assert [r.levelno for r in caplog.records] == [logging.ERROR]
        fill(kit, data, 1, start=3)
        kit.flush(data)
        assert kit.lines(data) == ["0", "2", "3"]
        assert len(list((data / "quarantine").iterdir())) == 1


def test_damage_to_the_last_acknowledged_frame_is_not_taken_for_a_torn_write(tmp_path: Path, kit: Any) -> None:
    fill(kit, tmp_path, 3)
    path = wal_path(tmp_path, 1)
    ends = frame_ends(path)
    content = bytearray(path.read_bytes())
    content[ends[1] + 100] ^= 1
    path.write_bytes(content)
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        assert writer.committed_sources("t") == {"file": 2}
        assert writer.append(kit.append("t", [(9, 1, "new")], SourceRange("file", 2, 9))).result() == 4
    assert kit.lines(tmp_path) == ["0", "1", "new"]
    (copy,) = (tmp_path / "quarantine").iterdir()
    assert copy.read_bytes() == content[ends[1] :]
    kit.flush(tmp_path)
    assert kit.lines(tmp_path) == ["0", "1", "new"]
    assert len(list((tmp_path / "quarantine").iterdir())) == 1


def test_damage_in_what_segments_hold_already_is_of_no_interest(tmp_path: Path, kit: Any) -> None:
    fill(kit, tmp_path, 2)
    kit.flush(tmp_path)
    path = wal_path(tmp_path, 1)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    fill(kit, tmp_path, 2, start=2)
    assert kit.lines(tmp_path) == ["0", "1", "2", "3"]
    assert not (tmp_path / "quarantine").exists()


def test_a_damaged_file_header_spares_the_frames(tmp_path: Path, kit: Any) -> None:
    fill(kit, tmp_path, 2)
    path = wal_path(tmp_path, 1)
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    fill(kit, tmp_path, 1, start=2)
    assert kit.lines(tmp_path) == ["0", "1", "2"]


def test_ends_come_from_the_manifest_and_from_the_log(tmp_path: Path, kit: Any) -> None:
    fill(kit, tmp_path, 3, wal_file_bytes=1)
    kit.flush(tmp_path)
    assert len(list_wal_files(tmp_path)) == 1
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        writer.append(kit.append("t", [], SourceRange("file", 3, 5), SourceRange("other", 0, 7))).result()
        assert writer.committed_sources("t") == {"file": 5, "other": 7}
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        assert writer.committed_sources("t") == {"file": 5, "other": 7}
        assert writer.committed_sources("nobody") == {}
    kit.flush(tmp_path)
    shutil.rmtree(tmp_path / "wal")
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        assert writer.committed_sources("t") == {"file": 5, "other": 7}
        assert writer.append(kit.append("t", [(1, 1, "x")])).result() == 5
    assert kit.lines(tmp_path) == ["0", "1", "2", "x"]


def test_a_second_writer_is_refused(tmp_path: Path, kit: Any) -> None:
    with (
        Writer.open(tmp_path, kit.table, kit.settings),
        pytest.raises(UnavailableError, match=r"cannot write: process \d+ already does"),
    ):
        Writer.open(tmp_path, kit.table, kit.settings)
    Writer.open(tmp_path, kit.table, kit.settings).close()


def test_a_reader_follows_over_restarts(tmp_path: Path, kit: Any) -> None:
    reader = Reader(tmp_path, kit.table)
    for number in range(4):
        with Writer.open(tmp_path, kit.table, kit.settings):
            pass
        fill(kit, tmp_path, 1, start=number)
        with reader.snapshot("t") as snapshot:
            assert sum(part.rows for part in snapshot.list_parts(0, 100)) == number + 1


def test_a_start_that_fails_gives_the_lock_back(tmp_path: Path, kit: Any) -> None:
    fill(kit, tmp_path, 1)
    kit.flush(tmp_path)
    (path,) = (tmp_path / "manifest").glob("*.json")
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    for _ in range(2):
        with pytest.raises(CorruptionError):
            Writer.open(tmp_path, kit.table, kit.settings)
    path.write_bytes(content)
    fill(kit, tmp_path, 1, start=1)
    assert kit.lines(tmp_path) == ["0", "1"]

import os
from pathlib import Path

import pytest

from opsconductor.collector.batch import Range, Record
from opsconductor.collector.identity import Identity
from opsconductor.collector.journal import Journal
from opsconductor.collector.positions import (
    Positions,
    format_positions,
    load_positions,
    read_original,
    save_atomically,
)
from opsconductor.collector.source import Position, Source
from opsconductor.model.errors import ConfigError

RECORD = Record(7, 2, 10, (Range("ab", 0, 5, False, b"\n"), Range("cd", 9, 14, True, b"x\xff\n")), b"body" * 1000)


def test_a_record_is_read_back_and_overwritten(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert journal.read() is None
    journal.write(RECORD)
    journal.close()
    journal = Journal(tmp_path / "journal")
    assert journal.read() == RECORD
    smaller = Record(8, 1, 1, (), b"b")
    journal.write(smaller)
    assert journal.read() == smaller
    journal.close()


@pytest.mark.parametrize("cut", [1, 3000, 4090])
def test_an_interrupted_record_counts_as_none(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.write(RECORD)
    os.truncate(path, path.stat().st_size - cut)
    assert journal.read() is None
    journal.write(RECORD)
    data = bytearray(path.read_bytes())
    data[-cut] ^= 1
    path.write_bytes(data)
    assert journal.read() is None
    journal.close()


def test_positions_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    assert load_positions(path) is None
    source = Source(Identity(1, 2, "head", 3), Position("/a.log", "job/0", 10, 8, True, b"\xff\n", 5, 0.5))
    save_atomically(path, format_positions(Positions(4, {source.id: source}, 99)))
    loaded = load_positions(path)
    assert loaded is not None
    assert (loaded.sequence, loaded.scanned) == (4, 99)
    (found,) = loaded.sources.values()
    assert (found.identity, found.position, found.read, found.range_start) == (
        source.identity,
        source.position,
        10,
        8,
    )


def test_damaged_positions_say_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    path.write_text('{"sequence": 1}')
    with pytest.raises(ConfigError, match="move the file away"):
        load_positions(path)


def test_the_originals_positions(tmp_path: Path) -> None:
    path = tmp_path / "positions.yaml"
    path.write_text('positions:\n  /a.log: "12"\n  journal-x: "s=1"\n  /b.log: ""\n')
    assert read_original(path) == {"/a.log": 12}
    path.write_text("positions: [")
    assert read_original(path) == {}
    assert read_original(tmp_path / "absent") == {}

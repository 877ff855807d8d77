import threading
from pathlib import Path
from typing import Any

from opsconductor.storage.reader import Reader
from opsconductor.storage.writer import Writer


def test_an_empty_folder_reads_as_empty(tmp_path: Path, kit: Any) -> None:
    reader = Reader(tmp_path / "new", kit.table)
    assert reader.last_sequence() == 0
    with reader.snapshot("t") as snapshot:
        assert snapshot.list_parts(0, 2**62) == []
        assert snapshot.list_series(0, 2**62).num_rows == 0
        assert snapshot.read_after(0) is None
        assert snapshot.last_sequence == 0


def test_parts_are_pruned_by_time_and_come_newest_first(tmp_path: Path, kit: Any) -> None:
    day = 86_400_000_000_000
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        for start in (0, day, 2 * day):
            writer.append(kit.append("t", [(start + 10, 1, "a"), (start + 20, 1, "b")])).result()
        kit.flush(tmp_path)
        writer.append(kit.append("t", [(day + 30, 1, "head")])).result()
        with Reader(tmp_path, kit.table).snapshot("t") as snapshot:
            times = [part.max_time for part in snapshot.list_parts(0, 2**62)]
            assert times == [2 * day + 20, day + 30, day + 20, 20]
            kinds = [part.kind for part in snapshot.list_parts(day + 20, day + 31)]
            assert kinds == ["head", "segment"]
            assert snapshot.list_parts(21, day + 10) == []  # [start, end)
            assert [part.max_time for part in snapshot.list_parts(20, day + 11)] == [day + 20, 20]


def test_series_are_united_over_segments_and_head(tmp_path: Path, kit: Any) -> None:
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        writer.append(kit.append("t", [(10, 1, "a"), (20, 2, "b")])).result()
        kit.flush(tmp_path)
        writer.append(kit.append("t", [(30, 2, "c"), (40, 2**64 - 1, "d")])).result()
        writer.append(kit.append("other", [(30, 7, "c")])).result()
        with Reader(tmp_path, kit.table).snapshot("t") as snapshot:
            assert [tuple(row.values()) for row in snapshot.list_series(0, 100).to_pylist()] == [
                (1, '{n="1"}', 10, 10, 1),
                (2, '{n="2"}', 20, 30, 2),
                (2**64 - 1, '{n="18446744073709551615"}', 40, 40, 1),
            ]
            assert snapshot.list_series(30, 40).column("series").to_pylist() == [2]
            assert snapshot.list_series(20, 30).column("series").to_pylist() == [2]
            assert snapshot.list_series(11, 20).column("series").to_pylist() == []


def test_a_tail_misses_nothing_when_rows_are_compacted_meanwhile(tmp_path: Path, kit: Any) -> None:
    reader = Reader(tmp_path, kit.table)
    got: list[str] = []
    last = 0
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        for number in range(12):
            rows = [(100 - number, 1, f"{number}a"), (200 + number, 1, f"{number}b")]
            writer.append(kit.append("t", rows)).result()
            if number % 3 == 1:
                kit.flush(tmp_path)
            if number % 2:
                with reader.snapshot("t") as snapshot:
                    rows_after = snapshot.read_after(last)
                    assert rows_after is not None
                    assert rows_after.schema.equals(kit.table.schema)
                    got += rows_after.column("line").to_pylist()
                    last = snapshot.last_sequence
                    assert snapshot.read_after(last) is None
    assert got == [f"{number}{letter}" for number in range(12) for letter in "ab"]


def test_wait_returns_when_something_is_committed(tmp_path: Path, kit: Any) -> None:
    reader = Reader(tmp_path, kit.table)
    assert reader.wait(0, 0.05) == 0
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        timer = threading.Timer(0.1, lambda: writer.append(kit.append("t", [(1, 1, "a")])))
        timer.start()
        assert reader.wait(0, 30) == 1
        timer.join()


def test_a_snapshot_stays_as_it_was(tmp_path: Path, kit: Any) -> None:
    reader = Reader(tmp_path, kit.table)
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        writer.append(kit.append("t", [(1, 1, "a")])).result()
        with reader.snapshot("t") as before:
            writer.append(kit.append("t", [(2, 1, "b")])).result()
            kit.flush(tmp_path)
            (part,) = before.list_parts(0, 10)
            assert kit.load(part).column("line").to_pylist() == ["a"]
            with reader.snapshot("t") as after:
                assert sum(part.rows for part in after.list_parts(0, 10)) == 2


def test_snapshots_from_many_threads_while_rows_move(tmp_path: Path, kit: Any) -> None:
    """No row is missing or doubled, whichever side of a compaction a snapshot is on."""
    reader = Reader(tmp_path, kit.table)
    wrong: list[object] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            with reader.snapshot("t") as snapshot:
                found = [n for part in snapshot.list_parts(0, 2**62) for n in kit.load(part)["sequence"].to_pylist()]
                if sorted(found) != list(range(1, snapshot.last_sequence + 1)):
                    wrong.append(found)

    threads = [threading.Thread(target=look) for _ in range(3)]
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        for thread in threads:
            thread.start()
        try:
            for number in range(25):
                writer.append(kit.append("t", [(number, 1, "a"), (number, 2, "b")])).result()
                if number % 2:
                    kit.flush(tmp_path)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert wrong == []
    assert list((tmp_path / "leases").iterdir()) == []

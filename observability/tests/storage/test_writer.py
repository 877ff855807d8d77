import asyncio
import os
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from opsconductor.model.errors import InputError, LimitError, UnavailableError
from opsconductor.storage import writer as writer_module
from opsconductor.storage.append import Append, SourceConflict, SourceRange
from opsconductor.storage.disk import free_bytes
from opsconductor.storage.frame import scan_frames
from opsconductor.storage.layout import wal_path
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.walfile import map_file
from opsconductor.storage.writer import Writer

R = SourceRange


def test_sequences_ascend_and_rows_are_visible_at_once(tmp_path: Path, kit: Any) -> None:
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        assert writer.append(kit.append("t", [(1, 1, "a"), (2, 1, "b")])).result() == 2
        assert kit.read(tmp_path) == [(1, 1, "a", 1), (2, 1, "b", 2)]
        assert writer.append(kit.append("other", [(1, 1, "c")])).result() == 3
        assert writer.append(kit.append("t", [], R("file", 0, 10))).result() == 4
        assert writer.append(kit.append("t", [(3, 1, "d")])).result() == 5
        assert writer.last_sequence == 5
    assert kit.read(tmp_path)[2:] == [(3, 1, "d", 5)]
    assert kit.read(tmp_path, "other") == [(1, 1, "c", 3)]


def test_resent_ranges_are_invisible_and_gaps_are_told(tmp_path: Path, kit: Any) -> None:
    row = [(1, 1, "same")]
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        assert writer.append(kit.append("t", row, R("a", 0, 10), R("b", 0, 5))).result() == 1
        assert writer.append(kit.append("t", row, R("a", 0, 10), R("b", 0, 5))).result() == 1
        error = writer.append(kit.append("t", row, R("a", 12, 20), R("b", 5, 9), R("c", 0, 1))).exception()
        assert isinstance(error, SourceConflict)
        assert error.committed == {"a": 10, "b": 5}
        assert writer.committed_sources("t") == {"a": 10, "b": 5}
        assert writer.append(kit.append("t", row, R("a", 12, 20, gap=True), R("b", 5, 9))).result() == 2
        assert writer.append(kit.append("other", row, R("a", 0, 10))).result() == 3
        assert writer.committed_sources("t") == {"a": 20, "b": 9}
    assert kit.lines(tmp_path) == ["same", "same"]  # rows with sources are never compared


def test_appends_that_wait_share_a_group_and_see_each_other(
    tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = []
    gate = threading.Event()
    real = os.fdatasync

    def slow(handle: int) -> None:
        syncs.append(handle)
        gate.wait(10)
        real(handle)

    monkeypatch.setattr(os, "fdatasync", slow)
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        first = writer.append(kit.append("t", [(0, 1, "first")], R("f", 0, 1)))
        while not syncs:
            time.sleep(0.001)
        later = [writer.append(kit.append("t", [(n, 1, str(n))], R("f", n, n + 1))) for n in range(1, 40)]
        again = writer.append(kit.append("t", [(5, 1, "5")], R("f", 5, 6)))
        conflict = writer.append(kit.append("t", [(5, 1, "5")], R("f", 50, 60)))
        assert not first.done()
        assert kit.lines(tmp_path) == []  # nothing is visible before it is durable
        gate.set()
        assert [future.result() for future in later] == list(range(2, 41))
        assert again.result() == 40
        assert isinstance(conflict.exception(), SourceConflict)
    assert len(syncs) == 2
    assert len(kit.lines(tmp_path)) == 40


def test_a_group_that_fails_takes_its_answers_with_it(
    tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conflict, a no-op or a duplicate that rests on a write of the same group must not outlive it."""
    gate, waiting = threading.Event(), threading.Event()

    def fail(_: int) -> None:
        waiting.set()
        gate.wait(10)
        raise OSError(5, "Input/output error")

    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        monkeypatch.setattr(os, "fdatasync", fail)
        futures = [writer.append(kit.append("t", [(0, 1, "x")], R("g", 0, 1)))]
        waiting.wait(10)
        futures.append(writer.append(kit.append("t", [(0, 1, "a")], R("f", 0, 10))))
        futures.append(writer.append(kit.append("t", [(0, 1, "a")], R("f", 0, 10))))
        futures.append(writer.append(kit.append("t", [(0, 1, "b")], R("f", 20, 30))))
        gate.set()
        assert all(isinstance(future.exception(), UnavailableError) for future in futures)
        monkeypatch.undo()
        assert writer.committed_sources("t") == {}
        assert writer.append(kit.append("t", [(0, 1, "b")], R("f", 20, 30))).result() == 1
    assert kit.lines(tmp_path) == ["b"]


def test_foreign_duplicates_are_dropped_wherever_the_first_is(tmp_path: Path, kit: Any) -> None:
    rows = [(10, 1, "a"), (10, 1, "a"), (10, 1, "b"), (10, 2, "a"), (11, 1, "a")]
    once = ["a", "b", "a", "a"]
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        assert writer.append(kit.append("t", rows)).result() == 4
        assert kit.lines(tmp_path) == once
        assert writer.append(kit.append("t", rows)).result() == 4  # in the head
        assert kit.lines(tmp_path) == once
        kit.flush(tmp_path)
        assert writer.append(kit.append("t", rows)).result() == 4  # in a segment
        assert writer.append(kit.append("t", [*rows, (5, 1, "late")])).result() == 5
        assert kit.lines(tmp_path) == [*once, "late"]
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        assert writer.append(kit.append("t", [*rows, (5, 1, "late"), (5, 1, "new")])).result() == 6
        assert writer.append(kit.append("other", rows)).result() == 10
    assert kit.lines(tmp_path) == [*once, "late", "new"]


@pytest.mark.parametrize("flushed", [False, True])
def test_duplicates_are_known_after_a_restart(tmp_path: Path, kit: Any, flushed: bool) -> None:
    rows = [(10, 1, "a"), (11, 1, "b")]
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        writer.append(kit.append("t", rows)).result()
    if flushed:
        kit.flush(tmp_path)
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        assert writer.append(kit.append("t", rows[1:])).result() == 2
        assert writer.append(kit.append("t", rows)).result() == 2
    assert kit.lines(tmp_path) == ["a", "b"]


def test_metadata_is_part_of_a_row(tmp_path: Path, kit: Any) -> None:
    def send(metadata: list[tuple[str, str]] | None) -> Future[int]:
        return writer.append(Append("t", kit.rows([(1, 1, "a")], [metadata]), [(1, "{}")]))

    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        for metadata in ([], [("k", "v")], [("k", "w")], [("k", "v")], []):
            send(metadata).result()
    assert len(kit.lines(tmp_path)) == 3


def test_duplicates_of_one_group_are_stored_once(tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both were compared with what is stored before either was."""
    waiting, gate, compared = threading.Event(), threading.Event(), threading.Semaphore(0)
    sync, compare = os.fdatasync, writer_module.mark_stored

    def slow_sync(handle: int) -> None:
        waiting.set()
        gate.wait(10)
        sync(handle)

    def count_comparison(*arguments: Any) -> Any:
        waiting.wait(10)
        compared.release()
        return compare(*arguments)

    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        writer.append(kit.append("t", [(50, 1, "newer")])).result()
        monkeypatch.setattr(writer_module, "mark_stored", count_comparison)
        twins = [writer.append(kit.append("t", [(10, 1, "a"), (11, 1, text)])) for text in "bc"]
        monkeypatch.setattr(os, "fdatasync", slow_sync)
        other = writer.append(kit.append("t", [(60, 1, "other")]))
        waiting.wait(10)
        for _ in twins:
            assert compared.acquire(timeout=10)
        time.sleep(0.1)
        gate.set()
        assert {other.result(10), *(twin.result(10) for twin in twins)} <= {2, 3, 4, 5}
    assert sorted(kit.lines(tmp_path)) == ["a", "b", "c", "newer", "other"]


def test_a_duplicate_committed_during_the_comparison_is_seen(
    tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, taken = threading.Event(), threading.Event()
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        writer.append(kit.append("t", [(50, 1, "newer")])).result()
        snapshot = writer._reader.snapshot

        def take_early(tenant: str) -> Any:
            view = snapshot(tenant)
            taken.set()
            gate.wait(10)
            return view

        monkeypatch.setattr(writer._reader, "snapshot", take_early)
        pending = writer.append(kit.append("t", [(10, 1, "a"), (11, 1, "b")]))
        taken.wait(10)
        # Rows of a range are stored without a comparison, while the foreign ones wait for theirs.
        writer.append(kit.append("t", [(10, 1, "a")], R("f", 0, 1))).result(10)
        writer.append(kit.append("other", [(11, 1, "b")], R("f", 0, 1))).result(10)
        gate.set()
        assert pending.result(10) == 4
    assert kit.lines(tmp_path) == ["newer", "a", "b"]


def test_wrong_input_is_refused_alone(tmp_path: Path, kit: Any) -> None:
    good = kit.append("t", [(1, 1, "a")])
    nulls = pa.RecordBatch.from_pydict(
        {"time": [None], "series": [1], "line": ["a"], "metadata": [[]]}, schema=kit.table.columns
    )
    wrong = [
        replace(good, rows=good.rows.select(["time", "series"])),
        replace(good, rows=nulls),
        replace(good, series=[(2, "{}")]),
        replace(good, tenant=""),
        replace(good, rows=kit.rows([])),
        replace(good, sources=(R("f", 5, 4),)),
        replace(good, sources=(R("f", -1, 4),)),
        replace(good, sources=(R("", 0, 4),)),
        replace(good, series=[(1, "\ud800")]),
    ]
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        futures = [writer.append(item) for item in (*wrong, good)]
        assert [type(future.exception()) for future in futures[:-1]] == [InputError] * len(wrong)
        assert futures[-1].result() == 1


def test_columns_in_another_order_are_put_right(tmp_path: Path, kit: Any) -> None:
    good = kit.append("t", [(1, 7, "a")])
    turned = good.rows.select(["line", "metadata", "series", "time"])
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        writer.append(replace(good, rows=turned)).result()
    assert kit.read(tmp_path) == [(1, 7, "a", 1)]


def test_a_full_backlog_answers_429_until_compaction(tmp_path: Path, kit: Any) -> None:
    settings = StorageSettings(disk_reserve_bytes=0, retention_ns=0, max_backlog_bytes=5_000)
    with Writer.open(tmp_path, kit.table, settings) as writer:
        number = 0
        while (error := writer.append(kit.append("t", [(number, 1, "a")])).exception()) is None:
            number += 1
        assert isinstance(error, LimitError)
        assert (error.name, error.status) == ("max_backlog_bytes", 429)
        assert 0 < writer.backlog_bytes <= 5_000
        kit.flush(tmp_path)
        deadline = time.monotonic() + 10
        while writer.backlog_bytes and time.monotonic() < deadline:
            time.sleep(0.05)
        assert writer.append(kit.append("t", [(number, 1, "a")])).result() == number + 1
    assert len(kit.lines(tmp_path)) == number + 1


def test_below_the_reserve_writes_are_refused_and_reads_go_on(tmp_path: Path, kit: Any) -> None:
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        writer.append(kit.append("t", [(1, 1, "a")], R("f", 0, 1))).result()
    starved = StorageSettings(disk_reserve_bytes=free_bytes(tmp_path) * 2)
    with Writer.open(tmp_path, kit.table, starved) as writer:
        error = writer.append(kit.append("t", [(2, 1, "b")], R("f", 1, 2))).exception()
        assert isinstance(error, UnavailableError)
        assert "disk_reserve_bytes" in str(error)
        assert writer.append(kit.append("t", [(1, 1, "a")], R("f", 0, 1))).result() == 1  # stored already
        assert kit.lines(tmp_path) == ["a"]


def test_a_full_queue_answers_429(tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda _: gate.wait(10))
    settings = StorageSettings(disk_reserve_bytes=0, max_queued_bytes=10_000)
    with Writer.open(tmp_path, kit.table, settings) as writer:
        futures = [writer.append(kit.append("t", [(n, 1, "x" * 1_000)], R(f"f{n}", 0, 1))) for n in range(40)]
        gate.set()
        errors = [future.exception() for future in futures]
    refused = [error for error in errors if error]
    assert refused
    assert all(isinstance(error, LimitError) and error.name == "max_queued_bytes" for error in refused)
    assert len(kit.lines(tmp_path)) == errors.count(None) > 0


def test_close_commits_what_was_taken_and_refuses_the_rest(tmp_path: Path, kit: Any) -> None:
    writer = Writer.open(tmp_path, kit.table, kit.settings)
    futures = [writer.append(kit.append("t", [(n % 7, 1, str(n))])) for n in range(30)]  # some go to the checker
    writer.close()
    writer.close()
    assert all(future.result(0) for future in futures)
    assert isinstance(writer.append(kit.append("t", [(1, 1, "a")])).exception(), UnavailableError)
    assert len(kit.lines(tmp_path)) == 30


async def test_a_caller_that_leaves_does_not_stop_the_others(tmp_path: Path, kit: Any) -> None:
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        leaving = asyncio.wrap_future(writer.append(kit.append("t", [(1, 1, "a")])))
        leaving.cancel()
        assert await asyncio.wrap_future(writer.append(kit.append("t", [(2, 1, "b")]))) == 2
    assert kit.lines(tmp_path) == ["a", "b"]


def test_the_log_holds_the_times_and_series_of_a_frame(tmp_path: Path, kit: Any) -> None:
    with Writer.open(tmp_path, kit.table, kit.settings) as writer:
        writer.append(kit.append("t", [(9, 2, "a"), (3, 1, "b")], R("f", 0, 7, gap=True))).result()
    mapped = map_file(wal_path(tmp_path, 1))
    (frame,) = scan_frames(mapped.buffer, 64, mapped.size, mapped.salt)
    assert frame.metadata == {
        "tenant": "t",
        "min": 3,
        "max": 9,
        "series": [[1, '{n="1"}'], [2, '{n="2"}']],
        "sources": [["f", 0, 7, True]],
    }

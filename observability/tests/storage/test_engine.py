"""Writer, reader and compactor together against a plain list: what is stored is what was sent, in order."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from opsconductor.storage.append import SourceConflict, SourceRange
from opsconductor.storage.compactor import Compactor
from opsconductor.storage.reader import Reader, Snapshot
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.writer import Writer

DAY = 86_400_000_000_000
TENANTS = st.sampled_from(["t", "u/.."])
TIMES = st.one_of(st.integers(0, 6), st.integers(DAY - 3, DAY + 3))
ROWS = st.lists(st.tuples(TIMES, st.integers(1, 3), st.sampled_from(["a", "b", "c"])), min_size=1, max_size=5)
SMALL = StorageSettings(
    retention_ns=0, disk_reserve_bytes=0, wal_file_bytes=2_500, flush_rows=6, flush_interval_ns=0, row_group_rows=4
)
Stored = list[tuple[int, int, str, int]]


def make_machine(kit: Any) -> type[RuleBasedStateMachine]:
    class Engine(RuleBasedStateMachine):
        """The reference: `stored` by tenant as (time, series, line, sequence), and committed ends."""

        def __init__(self) -> None:
            super().__init__()
            self.data = Path(tempfile.mkdtemp())
            self.writer = Writer.open(self.data, kit.table, SMALL)
            self.compactor = Compactor(self.data, kit.table, SMALL)
            self.reader = Reader(self.data, kit.table)
            self.stored: dict[str, Stored] = {"t": [], "u/..": []}
            self.ends: dict[tuple[str, str], int] = {}
            self.last = 0
            self.held: list[tuple[Snapshot, Stored]] = []

        def teardown(self) -> None:
            for snapshot, _ in self.held:
                snapshot.close()
            self.writer.close()
            self.compactor.close()
            shutil.rmtree(self.data)

        def note(self, tenant: str, rows: list[tuple[int, int, str]], spent: int) -> None:
            self.stored[tenant] += [(*row, self.last + 1 + index) for index, row in enumerate(rows)]
            self.last += spent

        @rule(tenant=TENANTS, rows=ROWS)
        def send_foreign(self, tenant: str, rows: list[tuple[int, int, str]]) -> None:
            known = {row[:3] for row in self.stored[tenant]}
            new = [row for row in dict.fromkeys(rows) if row not in known]
            assert self.writer.append(kit.append(tenant, rows)).result(30) == self.last + len(new)
            self.note(tenant, new, len(new))

        @rule(
            tenant=TENANTS,
            name=st.sampled_from("fg"),
            rows=st.one_of(st.just([]), ROWS),
            size=st.integers(1, 9),
            shift=st.sampled_from([0, 0, 0, -3, 4]),
            gap=st.booleans(),
        )
        def send_range(
            self, tenant: str, name: str, rows: list[tuple[int, int, str]], size: int, shift: int, gap: bool
        ) -> None:
            end = self.ends.get((tenant, name))
            start = max((end or 0) + shift, 0)
            future = self.writer.append(kit.append(tenant, rows, SourceRange(name, start, start + size, gap)))
            if end is not None and start + size <= end:
                assert future.result(30) == self.last
            elif end is None or start == end or (gap and start > end):
                spent = max(len(rows), 1)
                assert future.result(30) == self.last + spent
                self.note(tenant, rows, spent)
                self.ends[tenant, name] = start + size
            else:
                error = future.exception(30)
                assert isinstance(error, SourceConflict)
                assert error.committed == {name: end}

        @rule()
        def compact(self) -> None:
            self.compactor.run_once()

        @rule()
        def restart(self) -> None:
            self.writer.close()
            self.writer = Writer.open(self.data, kit.table, SMALL)

        @rule()
        def restart_compactor(self) -> None:
            self.compactor.close()
            self.compactor = Compactor(self.data, kit.table, SMALL)

        @rule(tenant=TENANTS)
        def hold(self, tenant: str) -> None:
            self.held.append((self.reader.snapshot(tenant), list(self.stored[tenant])))

        @precondition(lambda self: self.held)
        @rule()
        def look_at_the_oldest_snapshot(self) -> None:
            snapshot, stored = self.held.pop(0)
            check(snapshot, stored)
            snapshot.close()

        @rule(tenant=TENANTS, start=TIMES, size=st.integers(0, DAY), sequence=st.integers(0, 40))
        def query(self, tenant: str, start: int, size: int, sequence: int) -> None:
            stored = self.stored[tenant]
            with self.reader.snapshot(tenant) as snapshot:
                found = [row for part in snapshot.list_parts(start, start + size) for row in tuples(kit.load(part))]
                inside = {row for row in stored if start <= row[0] < start + size}
                assert inside <= set(found) <= set(stored)
                assert len(found) == len(set(found))
                named = set(snapshot.list_series(start, start + size).column("series").to_pylist())
                assert {row[1] for row in inside} <= named <= {row[1] for row in stored}
                after = snapshot.read_after(sequence)
                assert (tuples(after) if after else []) == [row for row in stored if row[3] > sequence]

        @invariant()
        def what_is_stored_is_what_was_sent(self) -> None:
            for tenant, stored in self.stored.items():
                with self.reader.snapshot(tenant) as snapshot:
                    assert snapshot.last_sequence == self.last
                    check(snapshot, stored)
                ends = {name: end for (owner, name), end in self.ends.items() if owner == tenant}
                assert self.writer.committed_sources(tenant) == ends

    def tuples(table: Any) -> Stored:
        names = ("time", "series", "line", "sequence")
        return list(zip(*(table.column(name).to_pylist() for name in names), strict=True))

    def check(snapshot: Snapshot, stored: Stored) -> None:
        found = [row for part in snapshot.list_parts(-(2**62), 2**62) for row in tuples(kit.load(part))]
        assert sorted(found, key=lambda row: row[3]) == stored
        series = {row["series"]: row for row in snapshot.list_series(-(2**62), 2**62).to_pylist()}
        assert {number: (row["first_time"], row["last_time"], row["rows"]) for number, row in series.items()} == {
            number: (
                min(row[0] for row in stored if row[1] == number),
                max(row[0] for row in stored if row[1] == number),
                sum(row[1] == number for row in stored),
            )
            for number in {row[1] for row in stored}
        }

    return Engine


@pytest.mark.parametrize("examples", [10, pytest.param(400, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)])])
def test_engine_equals_a_list(kit: Any, examples: int) -> None:
    run_state_machine_as_test(
        make_machine(kit),
        settings=settings(max_examples=examples, stateful_step_count=25, deadline=None, derandomize=examples < 100),
    )


def test_settings_of_this_test_do_rotate_and_flush(tmp_path: Path, kit: Any) -> None:
    with Writer.open(tmp_path, kit.table, SMALL) as writer:
        for number in range(20):
            writer.append(kit.append("t", [(number, 1, "a")])).result()
    assert len(list((tmp_path / "wal").glob("*.wal"))) > 3
    kit.flush(tmp_path, replace(SMALL, flush_rows=6))
    assert len(list((tmp_path / "segments").rglob("*.parquet"))) > 6

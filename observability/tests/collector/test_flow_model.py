"""Any interleaving of writes, rotations, crashes and lost answers gives every line exactly once.

Real files, the real journal and positions; only the store and the moments of crashes are the test's.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from opsconductor.collector.batch import Record
from opsconductor.collector.config import Client, CollectorConfig, Target
from opsconductor.collector.figures import Figures
from opsconductor.collector.flow import Flow
from opsconductor.collector.push import encode_sources
from opsconductor.collector.stages.pipeline import Pipeline


class CrashError(Exception):
    """The process ends here."""


class Writer:
    """A service whose log is rotated; every line is unique: its file's number and its own."""

    def __init__(self, path: Path) -> None:
        self.path, self.generation, self.count = path, 0, 0
        self.written: list[str] = []
        self.unfinished = False
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, lines: int) -> None:
        with self.path.open("a") as file:
            for _ in range(lines):
                file.write(self._next() + "\n")

    def write_in_two(self, between: Callable[[], None]) -> None:
        line = self._next()
        with self.path.open("a") as file:
            file.write(line[:5])
            file.flush()
            between()
            file.write(line[5:] + "\n")

    def _next(self) -> str:
        self.count += 1
        line = f"{self.generation:04d}-{self.count:06d} " + "x" * (self.count * 7 % 50)
        self.written.append(line)
        return line

    def _rotated(self) -> list[Path]:
        return sorted(self.path.parent.glob(self.path.name + ".*"), key=lambda path: int(path.suffix[1:]))

    def rename(self) -> None:
        self._shift()
        if self.path.exists():
            self.path.rename(self.path.with_name(self.path.name + ".1"))
        self.generation += 1

    def copy_truncate(self) -> None:
        if not self.path.exists():
            return
        self._shift()
        shutil.copyfile(self.path, self.path.with_name(self.path.name + ".1"))
        with self.path.open("r+") as file:
            file.truncate(0)
        self.generation += 1

    def delete_delivered(self, delivered: set[str]) -> None:
        """Remove the oldest rotated file, if nothing of it is outstanding."""
        for path in self._rotated()[-1:]:
            if set(path.read_text().splitlines()) <= delivered:
                path.unlink()

    def _shift(self) -> None:
        for path in reversed(self._rotated()):
            path.rename(path.with_suffix(f".{int(path.suffix[1:]) + 1}"))


class Collector:
    """Drives a Flow as the shipper does, one round at a time, with a crash at a chosen step."""

    def __init__(self, folder: Path, writer: Writer, store: Any) -> None:
        self.folder, self.store, self.now = folder, store, 0.0
        target = Target("job/0", "job", f"{writer.path.parent}/*.log", {"job": "x"}, Pipeline())
        self.client = Client("client-0", "http://store:1/push", batchsize=400)
        self.config = CollectorConfig((self.client,), (target,), folder / "absent.yaml")
        self.flow = self._start()

    def _start(self) -> Flow:
        return Flow(self.config, self.client, self.folder, Figures())

    def restart(self) -> None:
        self.flow.close()
        self.flow = self._start()

    def lose_state(self) -> None:
        self.flow.close()
        shutil.rmtree(self.folder)
        self.flow = self._start()

    def round(self, crash_at: str = "", answered: bool = True, reaches: bool = True) -> bool:
        """One scan, one turn, one batch; whether there was anything to do. Crashing loses what is in memory."""
        try:
            return self._round(crash_at, answered, reaches)
        except CrashError:
            self.restart()
            return True

    def _round(self, crash_at: str, answered: bool, reaches: bool) -> bool:
        flow = self.flow
        self.now += 1.0
        flow.watch()
        flow.scan(thorough=True)
        progress = False
        flow.start_turn()
        while (found := flow.read_next(self.now)) is not None:
            progress |= found
        flow.settle()
        record = flow.in_flight
        if record is None:
            if not flow.is_due(self.now, idle=True):
                return progress
            record = flow.take()
            self._journal(record, crash_at)
        unsent: Record | None = record
        while unsent is not None:
            unsent = self._deliver(unsent, crash_at, answered, reaches)
        self._step("saving", crash_at)
        flow.save_positions(flow.format_positions())
        return True

    def _journal(self, record: Record, crash_at: str) -> None:
        self._step("taken", crash_at)
        if self.flow.must_save:
            self.flow.save_positions(self.flow.format_positions())
        self.flow.journal.write(record)
        if crash_at == "torn":
            journal = self.folder / "journal"
            journal.write_bytes(journal.read_bytes()[:-3])
            raise CrashError

    def _deliver(self, record: Record, crash_at: str, answered: bool, reaches: bool) -> Record | None:
        self._step("journalled", crash_at)
        if not reaches:
            return None
        status, answer = self.store.push(None if record.bare else encode_sources(record), record.body)
        self._step("pushed", crash_at)
        if not answered:
            return None
        if status == 409:
            return self.flow.resolve(record, answer["committed"])
        assert status == 204
        self.flow.acknowledge(record, known_to_store=not record.bare)
        return None

    @staticmethod
    def _step(name: str, crash_at: str) -> None:
        if name == crash_at:
            raise CrashError

    def finish(self) -> None:
        """Rounds until nothing is left to do, with the time in which drained files are closed."""
        for _ in range(500):
            if not self.round():
                self.now += 20.0
                if not any(self.round() for _ in range(3)):
                    return
        raise AssertionError("the collector never comes to rest")


ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 30)),
    st.sampled_from(
        [
            ("split",),
            ("rename",),
            ("copy",),
            ("delete",),
            ("round", "", True, True),
            ("round", "", True, True),
            ("round", "", False, True),
            ("round", "", False, False),
            ("round", "taken", True, True),
            ("round", "torn", True, True),
            ("round", "journalled", True, True),
            ("round", "pushed", True, True),
            ("round", "saving", True, True),
            ("restart",),
            ("lose",),
            ("wait",),
        ]
    ),
)


QUIET = [HealthCheck.function_scoped_fixture]


@settings(max_examples=80, deadline=None, suppress_health_check=QUIET)
@given(actions=st.lists(ACTIONS, min_size=8, max_size=40), lossy_state=st.booleans())
def test_every_line_arrives_once(
    make_store: Callable[[], Any], actions: list[tuple[Any, ...]], lossy_state: bool
) -> None:
    _check_every_line_arrives_once(make_store, actions, lossy_state)


@pytest.mark.soak
@settings(max_examples=5000, deadline=None, suppress_health_check=QUIET)
@given(actions=st.lists(ACTIONS, min_size=8, max_size=80), lossy_state=st.booleans())
def test_every_line_arrives_once_for_long(
    make_store: Callable[[], Any], actions: list[tuple[Any, ...]], lossy_state: bool
) -> None:
    _check_every_line_arrives_once(make_store, actions, lossy_state)


def _check_every_line_arrives_once(
    make_store: Callable[[], Any], actions: list[tuple[Any, ...]], lossy_state: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        store, writer = make_store(), Writer(Path(name) / "log" / "x.log")
        collector = Collector(Path(name) / "data", writer, store)
        for action, *arguments in actions:
            if action == "write":
                writer.write(*arguments)
            elif action == "split":
                writer.write_in_two(collector.round)
            elif action == "rename":
                writer.rename()
            elif action == "copy" and not lossy_state:
                writer.copy_truncate()
            elif action == "delete":
                writer.delete_delivered(set(store.lines))
            elif action == "round":
                collector.round(*arguments)
            elif action == "restart":
                collector.restart()
            elif action == "lose" and lossy_state:
                # Without state, what was rotated away before is not looked for: let it arrive first.
                collector.finish()
                collector.lose_state()
            elif action == "wait":
                collector.now += 60.0
            if action in ("rename", "copy") and not collector.flow.registry.sources:
                writer.write(1)  # a path is met only while a file with a line is under it
        collector.finish()
        collector.flow.close()
        assert sorted(store.lines) == sorted(writer.written)
        _check_order(store.lines)


def _check_order(lines: list[str]) -> None:
    by_generation: dict[str, list[str]] = {}
    for line in lines:
        by_generation.setdefault(line[:4], []).append(line)
    for found in by_generation.values():
        assert found == sorted(found)

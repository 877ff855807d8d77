"""kill -9 of a real writer and a real compactor under load: every acknowledged row is there once, none twice."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from opsconductor.storage.reader import Reader
from opsconductor.storage.table import TableSpec

HERE = Path(__file__).parent
COLUMNS = pa.schema([("time", pa.int64()), ("series", pa.uint64()), ("line", pa.string())])
TABLE = TableSpec("logs", COLUMNS, 1_000, ("time", "series", "line"), ("line",))
CLIENTS = ("s0", "s1", "s2", "f0", "f1")
Acknowledged = dict[str, int]
"""Client → the last number acknowledged; -1 before the first."""


@contextmanager
def running(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(HERE / script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def write_until_killed(data: Path, known: Acknowledged, chance: random.Random) -> None:
    """Run a writer until it has acknowledged a random number of appends, looking on meanwhile; kill it."""
    goal = chance.randrange(5, 150)
    following = [str(known[name] + 1) for name in CLIENTS]
    reader = Reader(data, TABLE)
    with running("crash_writer.py", str(data), *following) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        assert process.stdout is not None
        for count, line in enumerate(process.stdout):
            name, number = line.split()
            known[name] = int(number)
            if count == goal // 2:
                check(reader, known)
            if count == goal:
                time.sleep(chance.random() / 50)
                process.kill()
                break
        for line in process.stdout:  # acknowledged before it died
            name, number = line.split()
            known[name] = int(number)
        timer.cancel()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == -9


def check(reader: Reader, known: Acknowledged) -> Counter[str]:
    acknowledged = dict(known)
    with reader.snapshot("t") as snapshot:
        found: Counter[str] = Counter()
        for part in snapshot.list_parts(-(2**62), 2**62):
            table = part.table if part.table is not None else pq.read_table(part.path)
            found.update(table.column("line").to_pylist())
    doubled = [line for line, count in found.items() if count > 1]
    assert not doubled
    for name in CLIENTS:
        numbers = range(acknowledged[name] + 1)
        missing = [line for n in numbers for i in range(3) if (line := f"{name}:{n}:{i}") not in found]
        assert not missing
    return found


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)])])
def test_writers_and_compactors_killed_under_load(tmp_path: Path, kills: int) -> None:
    kills = int(os.environ.get("OPSCONDUCTOR_TEST_KILLS", kills))
    chance = random.Random(kills)
    known: Acknowledged = dict.fromkeys(CLIENTS, -1)
    stop = threading.Event()
    killed = []

    def kill_compactors() -> None:
        while not stop.is_set():
            goal = chance.randrange(1, 5)
            with running("crash_compactor.py", str(tmp_path)) as process:
                assert process.stdout is not None
                while goal and not stop.is_set():
                    line = process.stdout.readline()
                    goal = 0 if not line else goal - int(line)
                time.sleep(chance.random() / 50)
                process.kill()
                assert process.stderr is not None
                killed.append(process.stderr.read())

    thread = threading.Thread(target=kill_compactors)
    thread.start()
    try:
        reader = Reader(tmp_path, TABLE)
        rounds = 0
        while thread.is_alive() and (rounds < kills or len(killed) < kills):
            write_until_killed(tmp_path, known, chance)
            check(reader, known)
            rounds += 1
    finally:
        stop.set()
        thread.join()
    assert len(killed) >= kills
    assert not [text for text in killed if "Traceback" in text]
    assert all(number >= 0 for number in known.values())
    assert list((tmp_path / "segments").rglob("*.parquet"))

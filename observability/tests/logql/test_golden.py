"""Golden scripts: what queries answer, as data; golden/README.md describes the language."""

import math
import re
from pathlib import Path

import duckdb
import pytest
from logql_memory import Line, MemorySnapshot

from opsconductor.logql.execute import run
from opsconductor.logql.parser import parse
from opsconductor.logql.request import Budget, QueryParams
from opsconductor.logql.result import Matrix, Scalar, Streams, Vector
from opsconductor.model.duration import parse_duration
from opsconductor.model.errors import InputError
from opsconductor.model.labels import parse_labels

SCRIPTS = sorted((Path(__file__).parent / "golden").glob("*.txt"))
LABELS = re.compile(r'(\{(?:\}|[a-zA-Z_]\w*="(?:[^"\\]|\\.)*"(?:,\s*[a-zA-Z_]\w*="(?:[^"\\]|\\.)*")*\}))\s*(.*)')
Command = tuple[int, str, list[str]]


def read_script(path: Path) -> list[Command]:
    commands: list[Command] = []
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        if text.startswith("  "):
            commands[-1][2].append(text.strip())
        elif text.strip() and not text.startswith("#"):
            commands.append((number, text, []))
    return commands


def split_labels(text: str) -> tuple[dict[str, str], str]:
    match = LABELS.fullmatch(text)
    assert match is not None, text
    return dict(parse_labels(match.group(1))), match.group(2)


def read_line(text: str) -> Line:
    when, _, rest = text.partition(" ")
    labels, line = split_labels(rest)
    metadata: dict[str, str] = {}
    if LABELS.fullmatch(line):
        metadata, line = split_labels(line)
    return Line(parse_duration(when), labels, line.replace("\\n", "\n"), metadata)


def read_values(text: str) -> tuple[dict[str, str], list[float | None]]:
    labels, values = split_labels(text)
    return labels, [None if value == "_" else float(value) for value in values.split()]


def assert_same(got: list[tuple[dict[str, str], list[float | None]]], expected: list[str]) -> None:
    wanted = [read_values(text) for text in expected]
    assert [labels for labels, _ in got] == [labels for labels, _ in wanted]
    for (_, mine), (_, theirs) in zip(got, wanted, strict=True):
        for value, other in zip(mine, theirs, strict=True):
            both_nan = value is not None and other is not None and math.isnan(value) and math.isnan(other)
            assert both_nan or value == pytest.approx(other)


def check_log(
    snapshot: MemorySnapshot, text: str, expected: list[str], connection: duckdb.DuckDBPyConnection
) -> None:
    match = re.fullmatch(r"log (\S+) (\S+)( forward)?(?: limit=(\d+))? (\{.*)", text)
    assert match is not None, text
    start, end, forward, limit, query = match.groups()
    params = QueryParams(
        parse_duration(start), parse_duration(end), limit=int(limit or 100), forward=forward is not None
    )
    result = run(snapshot, parse(query), params, connection, Budget())
    assert isinstance(result, Streams)
    got = [(entry.time_ns, entry.line, stream.labels) for stream in result.streams for entry in stream.entries]
    wanted = [read_line(line) for line in expected]
    assert sorted(got, key=repr) == sorted(((one.time_ns, one.line, one.labels) for one in wanted), key=repr)


def check_instant(
    snapshot: MemorySnapshot, text: str, expected: list[str], connection: duckdb.DuckDBPyConnection
) -> None:
    _, at, query = text.split(" ", 2)
    result = run(snapshot, parse(query), QueryParams(0, parse_duration(at), instant=True), connection, Budget())
    if isinstance(result, Scalar):
        assert_same([({}, [result.value])], expected)
    else:
        assert isinstance(result, Vector)
        assert_same([(sample.labels, [sample.value]) for sample in result.samples], expected)


def check_range(
    snapshot: MemorySnapshot, text: str, expected: list[str], connection: duckdb.DuckDBPyConnection
) -> None:
    _, *times, query = text.split(" ", 4)
    start, end, step = (parse_duration(time) for time in times)
    result = run(snapshot, parse(query), QueryParams(start, end, step), connection, Budget())
    assert isinstance(result, Matrix)
    steps = range(start, end + 1, step)
    assert_same([(one.labels, [dict(one.points).get(at) for at in steps]) for one in result.series], expected)


def check_failure(
    snapshot: MemorySnapshot, text: str, expected: list[str], connection: duckdb.DuckDBPyConnection
) -> None:
    _, at, query = text.split(" ", 2)
    with pytest.raises(InputError) as caught:
        run(snapshot, parse(query), QueryParams(0, parse_duration(at), instant=True), connection, Budget())
    assert expected[0] in str(caught.value)


CHECKS = {"log": check_log, "instant": check_instant, "range": check_range, "fail": check_failure}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_golden(path: Path, connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    snapshot = MemorySnapshot([])
    for number, text, expected in read_script(path):
        word = text.split(" ", 1)[0]
        if word == "load":
            folder = tmp_path / str(number)
            folder.mkdir()
            snapshot = MemorySnapshot([read_line(line) for line in expected], part_rows=2, folder=folder)
            continue
        try:
            CHECKS[word](snapshot, text, expected, connection)
        except (AssertionError, InputError) as error:
            raise AssertionError(f"{path.name}:{number}: {text}\n{error}") from error

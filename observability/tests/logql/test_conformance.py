"""The original's own vectors, from the folder that OPSCONDUCTOR_CONFORMANCE names; skipped without it.

Only what is evaluated so far counts; the rest must be refused as not supported yet, never answered.
"""

import json
import math
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from logql_memory import SECOND, Line, MemorySnapshot

from opsconductor.logql.errors import ParseError, UnsupportedError
from opsconductor.logql.execute import run
from opsconductor.logql.operators.pipeline import compile_stages
from opsconductor.logql.operators.row import Row
from opsconductor.logql.parser import parse
from opsconductor.logql.request import Budget, QueryParams
from opsconductor.logql.result import Matrix, Result, Scalar, Streams, Vector, categorize
from opsconductor.logql.syntax import Expression, LogQuery
from opsconductor.model.errors import OpsConductorError
from opsconductor.model.labels import parse_labels

FOLDER = Path(os.environ.get("OPSCONDUCTOR_CONFORMANCE") or "/nonexistent") / "logs"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="OPSCONDUCTOR_CONFORMANCE names no folder with logs/")

START = 1_767_225_600 * SECOND
Series = list[tuple[str, dict[int, float]]]


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text().splitlines()]


def supported(query: str) -> Expression | None:
    try:
        return parse(query)
    except UnsupportedError:
        return None


def number(value: object) -> float:
    return float({"+Inf": "inf", "-Inf": "-inf"}.get(str(value), str(value)))


def is_close(left: float, right: object) -> bool:
    return math.isclose(left, number(right), rel_tol=1e-9) or (math.isnan(left) and math.isnan(number(right)))


def same_series(got: Series, wanted: list[tuple[str, dict[int, Any]]]) -> bool:
    return [key for key, _ in got] == [key for key, _ in wanted] and all(
        mine.keys() == theirs.keys() and all(is_close(mine[at], theirs[at]) for at in theirs)
        for (_, mine), (_, theirs) in zip(got, wanted, strict=True)
    )


def key(labels: dict[str, str]) -> str:
    return json.dumps(labels, sort_keys=True)


def series_of(result: Result) -> Series:
    if isinstance(result, Vector):
        return [(key(sample.labels), {result.time_ns: sample.value}) for sample in result.samples]
    assert isinstance(result, Matrix)
    return [(key(series.labels), dict(series.points)) for series in result.series]


def test_valid_queries_are_read() -> None:
    counts = Counter("supported" if supported(item["query"]) else "later" for item in read("logql_canonical.jsonl"))
    print("valid queries", dict(counts))
    assert counts["supported"] >= 1_110


def test_invalid_queries_are_refused() -> None:
    accepted = []
    for item in read("logql_invalid.jsonl"):
        try:
            parse(item["query"])
        except (ParseError, UnsupportedError):
            continue
        accepted.append(item["query"])
    assert accepted == []


def test_errors_have_the_originals_words() -> None:
    """The place's line is ours: the original says line 0 after durations."""
    same, total = 0, 0
    for item in read("logql_invalid.jsonl"):
        try:
            parse(item["query"])
        except UnsupportedError:
            continue
        except ParseError as error:
            total += 1
            same += str(error) == item["error"].replace("at line 0", "at line 1")
    assert same >= 0.93 * total


def is_shown(item: dict[str, Any]) -> bool:
    """Whether the vector tells what the stage as printed does; some tell of shortcuts that a whole query allows."""
    shortcut = item["keep"] is False and item["stage"] in ("| json", "| logfmt")
    rounded = re.search(r"==\d+[kMGTP]B", item["stage"]) is not None
    return not shortcut and not rounded and item["stage"] not in ("| keep ", "| json bool=`bool_field`")


def test_stages() -> None:
    wrong, right = [], 0
    for item in filter(is_shown, read("logql_stage_vectors.jsonl")):
        query = supported('{a="b"} ' + item["stage"])
        if query is None:
            continue
        assert isinstance(query, LogQuery)
        given, wanted = item["in"], item["out"]
        row = Row(item["line"], given["stream"], given.get("sm", {}))
        row.parsed.update(given.get("parsed", {}))
        row.error, row.details = given.get("__error__", ""), given.get("__error_details__", "")
        got = (compile_stages(query.stages)(row), dict(row.stream), dict(row.metadata), row.parsed, row.errors())
        errors = {name: wanted[name] for name in ("__error__", "__error_details__") if name in wanted}
        if got != (item["keep"], wanted["stream"], wanted.get("sm", {}), wanted.get("parsed", {}), errors):
            wrong.append((item["stage"], item["line"], got, wanted))
        right += 1
    assert len(wrong) <= 1, wrong  # `keep` and the original's internal label __preserve_error__
    assert right >= 240


def is_expected(error: OpsConductorError, wanted: dict[str, Any]) -> bool:
    contained = wanted.get("error_contains", "") in str(error)
    return bool(wanted.get("fail")) and contained and re.search(wanted.get("error_regex", ""), str(error)) is not None


def judge_case(case: dict[str, Any], expression: Expression, snapshot: MemorySnapshot, connection: Any) -> bool:
    wanted, at = case["expect"], START
    if case["kind"] == "instant":
        params = QueryParams(0, at + case["at"], instant=True)
    else:
        params = QueryParams(at + case["start"], at + case["end"], case["step"])
    try:
        result = run(snapshot, expression, params, connection, Budget())
    except OpsConductorError as error:
        return is_expected(error, wanted)
    if wanted.get("fail"):
        return False
    if isinstance(result, Scalar):
        return is_close(result.value, wanted.get("scalar"))
    got = series_of(result)
    if "scalar" in wanted:
        return len(got) == 1 and got[0][0] == "{}" and is_close(next(iter(got[0][1].values())), wanted["scalar"])
    times = [params.end_ns] if params.instant else list(params.steps())
    series = [
        (key(one["labels"]), {at: value for at, value in zip(times, one["values"], strict=True) if value is not None})
        for one in wanted.get("series", [])
    ]
    if not wanted.get("ordered"):
        got, series = sorted(got, key=lambda one: one[0]), sorted(series, key=lambda one: one[0])
    return same_series(got, series)


def test_metric_evaluations(connection: duckdb.DuckDBPyConnection) -> None:
    data = {
        item["dataset"]: MemorySnapshot(
            [
                Line(START + one["t"], one["labels"], one["line"], one.get("metadata") or {})
                for one in item["entries"]
            ],
            part_rows=40,
        )
        for item in read("logqltest_datasets.jsonl")
    }
    wrong, total = [], 0
    for case in read("logqltest_cases.jsonl"):
        try:
            expression = supported(case["query"])
        except ParseError as error:
            if not is_expected(error, case["expect"]):
                wrong.append(case["query"])
            continue
        if expression is None:
            continue
        total += 1
        if not judge_case(case, expression, data[case["dataset"]], connection):
            wrong.append(f"{case['file']}:{case['line']} {case['query']}")
    print("metric evaluations", total - len(wrong), "of", total)
    assert wrong == []
    assert total >= 590


def same_streams(case: dict[str, Any], result: Streams) -> bool:
    """Which of several entries of the same time a limit cuts off is not compared."""
    forward = case["direction"] == "forward"
    values = [(key(one["stream"]), *value) for one in case["data"]["result"] for value in one["values"]]
    if case.get("encoding_flags"):
        wanted = sorted((labels, at, line, key(more)) for labels, at, line, more in values)
        streams = categorize(result.streams, forward=forward)
    else:
        wanted = sorted((labels, at, line, "{}") for labels, at, line in values)
        streams = result.streams
    got = sorted(
        (
            key(stream.labels),
            str(entry.time_ns),
            entry.line,
            key(more_of(entry) if case.get("encoding_flags") else {}),
        )
        for stream in streams
        for entry in stream.entries
    )
    if len(got) == case["limit"] and wanted:
        last = (max if forward else min)(one[1] for one in wanted)
        got, wanted = ([one for one in some if one[1] != last] for some in (got, wanted))
    return got == wanted


def more_of(entry: Any) -> dict[str, dict[str, str]]:
    named = {"structuredMetadata": entry.metadata, "parsed": entry.parsed}
    return {name: labels for name, labels in named.items() if labels}


def judge_golden(case: dict[str, Any], expression: Expression, snapshot: MemorySnapshot, connection: Any) -> bool:
    if case["endpoint"] == "query":
        params = QueryParams(0, int(case["time"]), limit=case["limit"], instant=True)
    else:
        step = int(case.get("step", 1)) * SECOND
        start, end = int(case["start"]), int(case["end"])
        params = QueryParams(start, end, step, case["limit"], case["direction"] == "forward")
    try:
        result = run(snapshot, expression, params, connection, Budget())
    except OpsConductorError as error:
        return "error" in case and (case.get("error_text_unstable") or str(error).strip() == case["error"].strip())
    if "error" in case:
        return False
    if isinstance(result, Streams):
        return same_streams(case, result)
    if isinstance(result, Scalar):
        return is_close(result.value, case["data"]["result"][1])
    wanted = [
        (key(one["metric"]), {round(at * SECOND): value for at, value in one.get("values") or [one["value"]]})
        for one in case["data"]["result"]
    ]
    return same_series(sorted(series_of(result), key=lambda one: one[0]), sorted(wanted, key=lambda one: one[0]))


def test_engine_golden(connection: duckdb.DuckDBPyConnection) -> None:
    lines = [
        Line(int(item["ts"]), dict(parse_labels(item["labels"])), item["line"], item["structured_metadata"])
        for item in read("logql_engine_golden_dataset.jsonl")
    ]
    snapshot = MemorySnapshot(lines)
    wrong, total = [], 0
    for case in read("logql_engine_golden.jsonl"):
        try:
            expression = supported(case["query"])
        except ParseError:
            assert "error" in case, case["query"]
            continue
        if expression is None:
            continue
        total += 1
        if not judge_golden(case, expression, snapshot, connection):
            wrong.append(case["query"])
    print("engine golden", total - len(wrong), "of", total)
    assert total >= 806
    assert len(wrong) <= 0.01 * total, wrong

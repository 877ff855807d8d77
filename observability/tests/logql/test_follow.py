"""Live tail over batches of rows."""

import pytest
from logql_memory import SECOND, Line, MemorySnapshot

from opsconductor.logql.errors import QueryError
from opsconductor.logql.follow import Follower
from opsconductor.logql.parser import parse

LINES = [
    Line(2 * SECOND, {"app": "a"}, '{"level":"error"}', {"trace_id": "t"}),
    Line(1 * SECOND, {"app": "a"}, '{"level":"error","n":1}'),
    Line(1 * SECOND, {"app": "a"}, '{"level":"info"}'),
    Line(1 * SECOND, {"app": "b"}, '{"level":"error"}'),
]


def test_rows_that_pass_come_as_streams() -> None:
    snapshot = MemorySnapshot(LINES)
    rows = snapshot.list_parts(0, 10 * SECOND)[0].table
    series = snapshot.list_series(0, 10 * SECOND)
    labels = dict(zip(series.column("series").to_pylist(), series.column("labels").to_pylist(), strict=True))
    streams = Follower(parse('{app="a"} |= "level" | json | level="error"')).apply(rows, labels)
    assert [(stream.labels, [(entry.time_ns, entry.line) for entry in stream.entries]) for stream in streams] == [
        ({"app": "a", "level": "error", "n": "1"}, [(1 * SECOND, '{"level":"error","n":1}')]),
        ({"app": "a", "level": "error", "trace_id": "t"}, [(2 * SECOND, '{"level":"error"}')]),
    ]


def test_entries_of_a_stream_are_in_order() -> None:
    lines = [Line(second * SECOND, {"app": "a"}, str(second)) for second in (3, 1, 2)]
    snapshot = MemorySnapshot(lines)
    rows = snapshot.list_parts(0, 10 * SECOND)[0].table
    series = snapshot.list_series(0, 10 * SECOND).column("series").to_pylist()
    (stream,) = Follower(parse('{app="a"}')).apply(rows, {series[0]: '{app="a"}'})
    assert [entry.line for entry in stream.entries] == ["1", "2", "3"]


def test_metric_queries_cannot_be_followed() -> None:
    with pytest.raises(QueryError, match="metric query"):
        Follower(parse('rate({app="a"}[1m])'))

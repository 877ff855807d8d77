"""Line filters mean the same in Python and in SQL."""

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsconductor.logql.operators.line_filter import compile_line_filter, filter_sql
from opsconductor.logql.operators.row import Row
from opsconductor.logql.syntax import LineFilter

LINES = ["", "a", "A", "a.b", "axb", "a\nb", "100%", "a_b", "'; DROP", "é", "É", "😀", "a\\b", '"q"', "\t", "\x00z"]
TEXTS = ["", "a", "a.b", "%", "_", "'", "é", "😀", "\\", '"', "\n", "\x00", "x"]
PATTERNS = [
    "",
    "a.b",
    "(?i)a",
    "^a$",
    "(?i)É",
    "(?s)a.b",
    "[^a]",
    "\\d+%",
    "é|😀",
    "(?m)^b",
    "\\x00",
    "^$",
    "\\\\",
    ".",
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.builds(LineFilter, st.sampled_from(["|=", "!="]), st.lists(st.sampled_from(TEXTS), min_size=1).map(tuple)),
        st.builds(
            LineFilter, st.sampled_from(["|~", "!~"]), st.lists(st.sampled_from(PATTERNS), min_size=1).map(tuple)
        ),
    )
)
def test_sql_and_python_agree(connection: duckdb.DuckDBPyConnection, stage: LineFilter) -> None:
    sql, parameters = filter_sql(stage)
    connection.register("lines", pa.table({"line": LINES}))
    found = connection.sql(f"SELECT line FROM lines WHERE {sql}", params=parameters).fetchall()
    keeps = compile_line_filter(stage)
    assert sorted(line for (line,) in found) == sorted(line for line in LINES if keeps(Row(line, {})))


@pytest.mark.parametrize(
    ("stage", "kept"),
    [
        (LineFilter("|=", ("a.b", "100")), ["a.b", "100%"]),
        (LineFilter("|~", ("^a.b$",)), ["a.b", "axb", "a_b", "a\\b"]),
        (LineFilter("!~", (".",)), [""]),
    ],
)
def test_what_stays(stage: LineFilter, kept: list[str]) -> None:
    keeps = compile_line_filter(stage)
    assert [line for line in LINES if keeps(Row(line, {}))] == kept

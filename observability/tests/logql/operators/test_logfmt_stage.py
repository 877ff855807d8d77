"""| logfmt: parses, refuses, computes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsconductor.logql.errors import ParseError
from opsconductor.logql.operators.logfmt_stage import PARSER_ERROR, PairError, compile_logfmt, scan_pairs
from opsconductor.logql.operators.row import Row
from opsconductor.logql.parser import parse
from opsconductor.logql.syntax import Extraction, LogfmtStage


@pytest.mark.parametrize("text", ["| logfmt --other", '| logfmt x="a.b"', "| logfmt x=", '| logfmt x="y",'])
def test_refuses(text: str) -> None:
    with pytest.raises(ParseError):
        parse('{a="b"} ' + text)


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("a=1 b=two", {"a": "1", "b": "two"}),
        ('a="x y" b="q\\"t" c="\\u00e9\\n"', {"a": "x y", "b": 'q"t', "c": "é\n"}),
        ("a=1 a=2", {"a": "1"}),
        ("word a= b", {}),
        ("a.b=1 9c=2 own=3", {"a_b": "1", "_9c": "2", "own_extracted": "3"}),
        ('=x a=1 b"c=2 d=3', {"a": "1", "d": "3"}),
        ('a=1 b="open', {"a": "1"}),
        ("", {}),
    ],
)
def test_reads_every_pair(line: str, parsed: dict[str, str]) -> None:
    row = Row(line, {"own": "x"})
    assert compile_logfmt(LogfmtStage())(row)
    assert (row.parsed, row.error) == (parsed, "")


def test_keeps_empty_values_when_asked() -> None:
    row = Row("a= b c=1", {})
    assert compile_logfmt(LogfmtStage(keep_empty=True))(row)
    assert row.parsed == {"a": "", "b": "", "c": "1"}


def test_strict_stops_at_a_fault() -> None:
    row = Row("a=1 é=x=y c=1", {})
    assert compile_logfmt(LogfmtStage(strict=True))(row)
    assert (row.parsed, row.error) == ({"a": "1"}, PARSER_ERROR)
    assert row.details == "logfmt syntax error at pos 9 : unexpected '='"


def test_reads_fields() -> None:
    row = Row("a=1 b=2", {"own": "x"})
    fields = (Extraction("x", "a"), Extraction("own", "b"), Extraction("missing", "c"))
    assert compile_logfmt(LogfmtStage(fields=fields))(row)
    assert row.parsed == {"x": "1", "own_extracted": "2", "missing": ""}


@given(st.text(st.sampled_from('ab=" \\\n\ufffd'), max_size=20), st.booleans())
def test_it_ends_on_any_text(text: str, strict: bool) -> None:
    try:
        pairs = list(scan_pairs(text, strict))
    except PairError:
        pairs = []
    assert all(key for key, _ in pairs)


def test_a_line_of_faults_is_read_in_linear_time() -> None:
    row = Row('" ' * 130_000, {})
    assert compile_logfmt(LogfmtStage())(row)
    assert row.parsed == {}

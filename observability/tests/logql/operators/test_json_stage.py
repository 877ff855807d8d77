"""| json: parses, refuses, computes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsconductor.logql.errors import ParseError
from opsconductor.logql.operators.json_scan import ScanError, find_object_ends, scan_object, unescape
from opsconductor.logql.operators.json_stage import PARSER_ERROR, compile_json, read_all
from opsconductor.logql.operators.row import Row
from opsconductor.logql.parser import parse
from opsconductor.logql.syntax import JsonStage, LogQuery


def stage_of(text: str) -> JsonStage:
    query = parse('{a="b"} ' + text)
    assert isinstance(query, LogQuery)
    (stage,) = query.stages
    assert isinstance(stage, JsonStage)
    return stage


@pytest.mark.parametrize("text", ["| json x=", '| json x="y",', '| json x=""', '| json x="y..z"', '| json x="[a]"'])
def test_refuses(text: str) -> None:
    with pytest.raises(ParseError):
        parse('{a="b"} ' + text)


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ('{"a":"x","b":1.50,"c":1e3}', {"a": "x", "b": "1.50", "c": "1e3"}),
        ('{"d":true,"e":false,"f":null,"g":[1]}', {"d": "true", "e": "false"}),
        ('{"a":{"b c":{"9":"x"}},"9d":"y"}', {"a_b_c_9": "x", "_9d": "y"}),
        ('{"a":"1","a":"2"}', {"a": "1"}),
        ('{"big":12345678901234567890123}', {"big": "12345678901234567890123"}),
        ('{"a":"\\u00e9\\ud83d\\ude00\\n"}', {"a": "é😀\n"}),
        ('{"a":"\\ud83d"}', {"a": ""}),
        ('{"a":"\\q"}', {"a": ""}),
        ('{"a":"x",} trailing', {"a": "x"}),
        ('{"stream":"x","meta":"y"}', {"stream_extracted": "x", "meta_extracted": "y"}),
        ("{}", {}),
        ('  {"a" : "x" }  ', {"a": "x"}),
    ],
)  # fmt: skip
def test_reads_every_value(line: str, parsed: dict[str, str]) -> None:
    row = Row(line, {"stream": "s"}, {"meta": "m"})
    assert read_all(row)
    assert (row.parsed, row.error) == (parsed, "")


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("", {}),
        ("text", {}),
        ("[1,2]", {}),
        ('"x"', {}),
        ('{"a":1,"b":tru}', {"a": "1"}),
        ('{"a":"x","b":', {"a": "x"}),
        ('{"a":NaN}', {}),
        ('{"a":{"b":1', {}),
    ],
)
def test_faults_become_labels(line: str, parsed: dict[str, str]) -> None:
    row = Row(line, {})
    assert read_all(row)
    assert (row.parsed, row.error) == (parsed, PARSER_ERROR)
    assert row.details


def test_depth_is_bounded() -> None:
    row = Row('{"a":' * 100_000 + "1" + "}" * 100_000, {})
    assert read_all(row)
    assert row.error == PARSER_ERROR


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('"s"', "x"),
        ('"o.k"', "1.0"),
        ('"o"', '{"k":1.0}'),
        ('"l[1]"', "b"),
        ('"l"', '["a","b"]'),
        ("\"['x']\"".replace("'", '\\"'), "y"),
        ('"none"', ""),
        ('"missing.deep[3]"', ""),
    ],
)
def test_reads_fields(source: str, value: str) -> None:
    row = Row('{"s":"x","o":{"k":1.0},"l":["a","b"],"x":"y","none":null}', {})
    assert compile_json(stage_of(f"| json f={source}"))(row)
    assert (row.parsed, row.error) == ({"f": value}, "")


def test_fields_of_what_is_no_json() -> None:
    row = Row("text", {})
    assert compile_json(stage_of('| json f="x"'))(row)
    assert (row.parsed, row.error) == ({}, PARSER_ERROR)


VALUES = st.recursive(
    st.one_of(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6), st.booleans(), st.integers()
    ),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "c d", "é"]), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "x"]), VALUES, max_size=4), st.booleans())
def test_both_ways_of_reading_agree(value: dict[str, object], ascii_only: bool) -> None:
    """A line with text after the object is read by the scanner, without it by the decoder."""
    line = json.dumps(value, ensure_ascii=ascii_only)
    by_decoder, by_scanner = Row(line, {}), Row(line + " rest", {})
    assert read_all(by_decoder)
    assert read_all(by_scanner)
    assert (by_decoder.parsed, by_decoder.error) == (by_scanner.parsed, by_scanner.error)
    assert not by_decoder.error


@given(st.text(st.sampled_from('{}[]":,\\ntrue1 a'), max_size=30))
def test_the_scanner_ends_on_any_text(text: str) -> None:
    try:
        found = list(scan_object(text, 0, find_object_ends(text)))
    except ScanError:
        found = []
    assert all(start < end for _, _, start, end in found)


def test_unescape_knows_the_book() -> None:
    assert unescape('\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041') == '"\\/\b\f\n\r\tA'
    assert unescape("\\x") is None

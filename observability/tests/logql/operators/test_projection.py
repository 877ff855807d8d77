"""| drop and | keep: parses and refuses in test_parser.py, computes here."""

import pytest

from opsconductor.logql.operators.pipeline import compile_stages
from opsconductor.logql.operators.row import Row
from opsconductor.logql.parser import parse
from opsconductor.logql.syntax import LogQuery


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("| drop s", {"m": "2", "p": "3", "__error__": "E", "__error_details__": "D"}),
        ('| drop s="x", m="2"', {"s": "1", "p": "3", "__error__": "E", "__error_details__": "D"}),
        ('| drop s="x", s="1"', {"m": "2", "p": "3", "__error__": "E", "__error_details__": "D"}),
        ("| drop __error__", {"s": "1", "m": "2", "p": "3", "__error_details__": "D"}),
        ('| drop __error__=~"E|F", __error_details__', {"s": "1", "m": "2", "p": "3"}),
        ('| drop __error__="F"', {"s": "1", "m": "2", "p": "3", "__error__": "E", "__error_details__": "D"}),
        ("| keep p", {"p": "3", "__error__": "E", "__error_details__": "D"}),
        ('| keep p="x", m!="x"', {"m": "2", "__error__": "E", "__error_details__": "D"}),
    ],
)
def test_labels_left(text: str, left: dict[str, str]) -> None:
    query = parse('{a="b"} ' + text)
    assert isinstance(query, LogQuery)
    row = Row("", {"s": "1"}, {"m": "2"})
    row.parsed["p"] = "3"
    row.fail("E", "D")
    assert compile_stages(query.stages)(row)
    assert row.labels() == left


def test_a_dropped_stream_label_still_renames_a_parsed_one() -> None:
    query = parse('{a="b"} | drop level | json')
    assert isinstance(query, LogQuery)
    row = Row('{"level":"x"}', {"level": "own"})
    assert compile_stages(query.stages)(row)
    assert row.labels() == {"level_extracted": "x"}

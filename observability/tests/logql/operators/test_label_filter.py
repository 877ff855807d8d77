"""| label op value: parses and refuses in test_parser.py, computes here."""

import pytest

from opsconductor.logql.operators.label_filter import (
    FILTER_ERROR,
    compile_condition,
    read_bytes,
    read_duration,
    read_number,
)
from opsconductor.logql.operators.row import Row
from opsconductor.logql.parser import parse
from opsconductor.logql.syntax import LabelFilterStage, LogQuery

LABELS = {"n": "5", "d": "1.5s", "s": "2 KiB", "w": "word", "e": ""}


def judge(text: str) -> tuple[bool, str]:
    query = parse('{a="b"} | ' + text)
    assert isinstance(query, LogQuery)
    (stage,) = query.stages
    assert isinstance(stage, LabelFilterStage)
    row = Row("", LABELS)
    return compile_condition(stage.condition)(row), row.error


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('w="word"', True),
        ('w!="word"', False),
        ('w=~"wo.."', True),
        ('w=~"wo"', False),
        ('w!~"x.*"', True),
        ('missing=""', True),
        ('missing!=""', False),
        ("n = 5", True),
        ("n == 5.0", True),
        ("n != 5", False),
        ("n > 4", True),
        ("n >= 5", True),
        ("n < 5", False),
        ("n <= 5", True),
        ("missing > 1", False),
        ("d > 1s", True),
        ("d == 1500ms", True),
        ("s == 2048", True),
        ("s == 2048B", True),
        ("s < 3kB", True),
        ('n > 9 or w="word"', True),
        ('n > 9 and w="word"', False),
        ('n > 4, w="word"', True),
        ('(n > 9 or n < 6) w="word"', True),
    ],
)
def test_compares(text: str, kept: bool) -> None:
    assert judge(text)[0] is kept


@pytest.mark.parametrize("text", ["w > 1", "w > 1s", "w > 1MB", "e > 1"])
def test_what_cannot_be_read_keeps_the_line(text: str) -> None:
    assert judge(text) == (True, FILTER_ERROR)


def test_the_right_side_runs_when_the_left_has_an_error() -> None:
    assert judge("w > 1 and n > 9") == (False, FILTER_ERROR)
    assert judge("w > 1 or n > 9") == (True, FILTER_ERROR)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (read_number, "1_0", None),
        (read_number, " 1", None),
        (read_number, "-1e3", -1000.0),
        (read_number, "0x1p4", 16.0),
        (read_number, "+Inf", float("inf")),
        (read_duration, "1h2m3.5s", 3_723_500_000_000.0),
        (read_duration, "-5µs", -5_000.0),
        (read_duration, "1d", None),
        (read_duration, "5", None),
        (read_duration, "", None),
        (read_bytes, "1,024", 1024.0),
        (read_bytes, "1.5 kib", 1536.0),
        (read_bytes, "3 parsecs", None),
        (read_bytes, "MB", None),
    ],
)
def test_amounts(read: object, text: str, value: float | None) -> None:
    assert callable(read)
    if value is None:
        with pytest.raises(ValueError, match=r"."):
            read(text)
    else:
        assert read(text) == value

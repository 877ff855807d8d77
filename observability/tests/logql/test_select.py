"""Matchers over the series table."""

import pyarrow as pa
import pytest

from opsconductor.logql.parser import parse
from opsconductor.logql.select import match_series, matches_labels
from opsconductor.logql.syntax import LogQuery

TEXTS = ['{app="a", env="dev"}', '{app="b"}', '{app="b\\nc", env="prod"}']
TABLE = pa.table({"series": pa.array([1, 2, 3], pa.uint64()), "labels": TEXTS})


@pytest.mark.parametrize(
    ("selector", "ids"),
    [
        ('{app="a"}', [1]),
        ('{app=~"a|b"}', [1, 2]),
        ('{app=~"b.c"}', [3]),
        ('{app=~".+", env=""}', [2]),
        ('{app=~".+", env!="dev"}', [2, 3]),
        ('{app=~".+", env!~"d.*|"}', [3]),
        ('{missing="x"}', []),
    ],
)
def test_series_of_a_selector(selector: str, ids: list[int]) -> None:
    query = parse(selector)
    assert isinstance(query, LogQuery)
    assert match_series(TABLE, query.matchers).column("series").to_pylist() == ids


def test_no_matcher_means_every_series() -> None:
    assert match_series(TABLE, ()).num_rows == 3
    assert matches_labels({}, ())

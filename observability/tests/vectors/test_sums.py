"""Compensated sums equal exact arithmetic where plain ones do not."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from opsconductor.vectors.sums import sum_groups, sum_windows

FINITE = st.floats(min_value=-1e100, max_value=1e100)


@given(st.lists(FINITE, min_size=1, max_size=30), st.data())
def test_windows(values: list[float], data: st.DataObject) -> None:
    edges = data.draw(st.lists(st.tuples(*[st.integers(0, len(values))] * 2).map(sorted), min_size=1, max_size=10))
    first, end = np.array([edge[0] for edge in edges]), np.array([edge[1] for edge in edges])
    for got, (low, high) in zip(sum_windows(np.array(values), first, end), edges, strict=True):
        exact = math.fsum(values[low:high])
        scale = max((abs(value) for value in values[low:high]), default=0.0)
        assert math.isclose(got, exact, rel_tol=1e-9, abs_tol=scale * 1e-25)


def test_windows_after_an_infinity_are_not_poisoned() -> None:
    values = np.array([1.0, np.inf, 2.0, 3.0])
    got = sum_windows(values, np.array([0, 2]), np.array([2, 4]))
    assert got.tolist() == [np.inf, 5.0]


@given(st.lists(st.tuples(st.integers(0, 3), FINITE), min_size=1, max_size=30))
def test_groups(rows: list[tuple[int, float]]) -> None:
    group, values = np.array([row[0] for row in rows]), np.array([[row[1]] for row in rows])
    got = sum_groups(values, group, 4)
    for number in range(4):
        members = [value for one, value in rows if one == number]
        scale = max(map(abs, members), default=0.0)
        assert math.isclose(got[number, 0], math.fsum(members), rel_tol=1e-9, abs_tol=scale * 1e-25)

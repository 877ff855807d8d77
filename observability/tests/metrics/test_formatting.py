"""Numbers as clients of the original expect them: they read back as the same value, in Go's form."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsconductor.metrics.formatting import format_value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.5, "-0.5"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1e-6, "0.000001"),
        (1e-7, "1e-07"),
        (2.5e22, "2.5e+22"),
        (1e100, "1e+100"),
        (5e-324, "5e-324"),
        (1e16, "10000000000000000"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_form(value: float, text: str) -> None:
    assert format_value(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_it_reads_back(value: float) -> None:
    assert float(format_value(value)) == value

"""Windows and counting into them, against counting one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from opsconductor.logql.windows import Tally, Windows


@given(
    times=st.lists(st.integers(-50, 150), max_size=30),
    start=st.integers(-20, 50),
    count=st.integers(1, 8),
    step=st.integers(1, 30),
    range_ns=st.integers(1, 60),
    offset=st.integers(-20, 20),
)
def test_counts_equal_counting_one_by_one(
    times: list[int], start: int, count: int, step: int, range_ns: int, offset: int
) -> None:
    steps = range(start, start + (count - 1) * step + 1, step)
    windows = Windows.of(steps, range_ns, offset)
    inside = np.array([time for time in times if windows.start_ns <= time < windows.end_ns], np.int64)
    tally = Tally()
    groups = inside % 2
    tally.add(groups, windows.bucket(inside), inside + 1_000)
    sums, present = tally.sum(windows, 2)
    for group in (0, 1):
        for index, at in enumerate(steps):
            found = [t for t in times if t % 2 == group and at - offset - range_ns < t <= at - offset]
            assert sums[group, index] == sum(time + 1_000 for time in found)
            assert present[group, index] == bool(found)

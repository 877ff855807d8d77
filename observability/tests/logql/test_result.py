"""Grouping entries by the labels of their streams."""

import pytest

from opsconductor.logql.result import Entry, StreamResult, categorize


@pytest.mark.parametrize("forward", [True, False])
def test_categorize_groups_by_stream(forward: bool) -> None:
    entries = [Entry(time, str(time), {"n": str(time)}, {}) for time in (1, 2, 3)]
    streams = [StreamResult({"a": "b", "n": str(one.time_ns)}, {"a": "b"}, [one]) for one in entries]
    (result,) = categorize(streams, forward=forward)
    assert result.labels == result.stream == {"a": "b"}
    assert result.entries == (entries if forward else entries[::-1])

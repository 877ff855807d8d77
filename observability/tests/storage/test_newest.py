from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from opsconductor.storage import newest
from opsconductor.storage.newest import NewestTimes
from opsconductor.storage.pending import measure_series

BATCHES = st.lists(
    st.tuples(
        st.sampled_from("xy"),
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4), st.just("")), min_size=1, max_size=4),
    ),
    max_size=20,
)


@settings(deadline=None)
@given(batches=BATCHES, floors=st.dictionaries(st.sampled_from("xy"), st.integers(-5, 20)), bound=st.integers(0, 6))
def test_exceeding_rows_are_newer_than_all_of_their_series(
    kit: Any, batches: list[Any], floors: dict[str, int], bound: int
) -> None:
    """Also past the bound, and for what the floors stand for: every series may hold a row as new as the floor."""
    saved, newest._MAX_SERIES = newest._MAX_SERIES, bound
    try:
        times = NewestTimes(floors)
        stored: dict[tuple[str, int], int] = {}
        for tenant, rows in batches:
            spans = measure_series(kit.rows(rows))
            if times.exceeds(tenant, spans):
                for time, series, _ in rows:
                    assert time > stored.get((tenant, series), floors.get(tenant, -1))
            times.observe(tenant, spans)
            assert sum(map(len, times._last.values())) <= bound
            for time, series, _ in rows:
                stored[tenant, series] = max(time, stored.get((tenant, series), time))
    finally:
        newest._MAX_SERIES = saved


def test_a_series_that_moves_on_is_never_compared(kit: Any) -> None:
    times = NewestTimes({"t": 10})
    for start in (11, 20, 30):
        spans = measure_series(kit.rows([(start, 1, ""), (start + 5, 2, "")]))
        assert times.exceeds("t", spans)
        times.observe("t", spans)
    assert not times.exceeds("t", measure_series(kit.rows([(30, 1, "")])))
    assert times.exceeds("t", measure_series(kit.rows([(31, 1, "")])))
    assert times.exceeds("other", measure_series(kit.rows([(0, 1, "")])))

"""Due times: five-field cron and intervals, both in UTC."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend_service.recurrence import check_cron, find_first, find_next

NOW = datetime(2026, 2, 28, 23, 59, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "due"),
    [
        ("* * * * *", datetime(2026, 3, 1, 0, 0, tzinfo=UTC)),
        ("*/5 * * * *", datetime(2026, 3, 1, 0, 0, tzinfo=UTC)),
        ("30 4 * * MON", datetime(2026, 3, 2, 4, 30, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_cron_is_due_at_its_next_time(cron: str, due: datetime) -> None:
    assert find_first(check_cron(cron), None, NOW) == due


@pytest.mark.parametrize("cron", ["", "* * * *", "0 * * * * *", "61 * * * *", "0 0 31 2 *", "a b c d e"])
def test_a_bad_cron_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match="cron"):
        check_cron(cron)


def test_a_cron_missed_is_not_made_up_for() -> None:
    due = NOW - timedelta(days=3)
    assert find_next("0 * * * *", None, due, NOW) == datetime(2026, 3, 1, tzinfo=UTC)


@given(
    interval_s=st.integers(1, 100_000),
    late=st.timedeltas(timedelta(0), timedelta(days=30)),
)
def test_an_interval_keeps_its_phase_and_skips_what_was_missed(interval_s: int, late: timedelta) -> None:
    due = NOW - late
    interval = timedelta(seconds=interval_s)
    following = find_next(None, interval_s, due, NOW)
    assert NOW < following <= NOW + interval
    assert (following - due) % interval == timedelta(0)


def test_an_interval_begins_one_interval_from_now() -> None:
    assert find_first(None, 60, NOW) == NOW + timedelta(seconds=60)

"""When a compactor is due: first at once, then by bytes, by age, and for housekeeping; never in a tight loop."""

import pytest

from opsconductor.storage.clock import HOUSEKEEPING_NS, LEAST_GAP_NS, CompactionClock
from opsconductor.storage.settings import SECOND_NS, StorageSettings

SETTINGS = StorageSettings(flush_interval_ns=900 * SECOND_NS, flush_bytes=1000)


class Time:
    now = 50 * SECOND_NS

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def clock(time: Time) -> CompactionClock:
    clock = CompactionClock(SETTINGS, time)
    assert clock.is_due(0)
    assert not clock.is_due(0)
    return clock


def test_a_full_backlog_is_due_but_not_without_a_pause(clock: CompactionClock, time: Time) -> None:
    assert not clock.is_due(1000)
    time.now += LEAST_GAP_NS
    assert not clock.is_due(999)
    assert clock.is_due(1000)
    assert not clock.is_due(5000)


def test_old_rows_are_due(clock: CompactionClock, time: Time) -> None:
    time.now += SETTINGS.flush_interval_ns - 1
    assert not clock.is_due(1)
    time.now += 1
    assert not clock.is_due(0)
    assert clock.is_due(1)


def test_housekeeping_needs_no_rows(clock: CompactionClock, time: Time) -> None:
    time.now += HOUSEKEEPING_NS
    assert clock.is_due(0)
    assert not clock.is_due(0)

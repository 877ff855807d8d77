from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from opsconductor.collector.stages.layout import compile_format, parse_rfc3339

SECOND = 10**9


def stamp(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * SECOND  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("layout", "text", "expected"),
    [
        ("RFC3339", "2026-01-02T03:04:05Z", stamp(2026, 1, 2, 3, 4, 5)),
        ("RFC3339Nano", "2026-01-02T03:04:05.123456789+02:30", stamp(2026, 1, 2, 0, 34, 5) + 123456789),
        ("RFC1123Z", "Fri, 02 Jan 2026 03:04:05 -0100", stamp(2026, 1, 2, 4, 4, 5)),
        ("ANSIC", "Fri Jan  2 03:04:05 2026", stamp(2026, 1, 2, 3, 4, 5)),
        ("RFC822", "02 Jan 26 03:04 UTC", stamp(2026, 1, 2, 3, 4)),
        ("2006-01-02 15:04:05.000", "2026-01-02 03:04:05.250", stamp(2026, 1, 2, 3, 4, 5) + 250_000_000),
        ("2006-01-02 15:04:05", "2026-01-02 03:04:05.25", stamp(2026, 1, 2, 3, 4, 5) + 250_000_000),
        ("2006-01-02 15:04:05,999", "2026-01-02 03:04:05", stamp(2026, 1, 2, 3, 4, 5)),
        ("2/1/06 3:04:05 PM", "2/1/26 12:04:05 AM", stamp(2026, 1, 2, 0, 4, 5)),
        ("02/Jan/2006:15:04:05 -0700", "02/Jan/2026:03:04:05 +0000", stamp(2026, 1, 2, 3, 4, 5)),
        ("2006-002", "2026-033", stamp(2026, 2, 2)),
        ("UnixMs", "1767323045678", 1767323045678_000_000),
        ("Unix", "1767323045.5", 1767323045_500_000_000),
    ],
)
def test_times_by_format(layout: str, text: str, expected: int) -> None:
    assert compile_format(layout, None)(text) == expected


def test_a_time_without_zone_is_in_the_location() -> None:
    parse = compile_format("2006-01-02 15:04:05", ZoneInfo("Europe/Zurich"))
    assert parse("2026-07-01 12:00:00") == stamp(2026, 7, 1, 10)
    assert compile_format("2006-01-02 15:04 MST", ZoneInfo("America/New_York"))("2026-07-01 12:00 EDT") == stamp(
        2026, 7, 1, 16
    )


def test_a_time_without_year_is_of_this_year() -> None:
    now = datetime.now(UTC)
    assert compile_format("Jan _2 15:04:05", None)(now.strftime("%b %d %H:%M:%S")) == stamp(*now.timetuple()[:6])


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("RFC3339", "2026-13-02T03:04:05Z"),
        ("RFC3339", "2026-01-02 03:04:05Z"),
        ("RFC3339", "2026-01-02T03:04:05"),
        ("2006-01-02", "2026-02-30"),
        ("UnixMs", "1.5"),
        ("UnixNs", "soon"),
        ("2006-01-02", "2026-1-2"),
        ("3:04 PM", "13:04 PM"),
    ],
)
def test_what_does_not_fit_is_refused(layout: str, text: str) -> None:
    def refuses() -> bool:
        try:
            compile_format(layout, None)(text)
        except ValueError:
            return True
        return False

    assert refuses()


def test_rfc3339_agrees_with_the_layout() -> None:
    general = compile_format("2006-01-02T15:04:05.999999999Z07:00 ", None)
    for text in ("2026-01-02T03:04:05Z", "2026-12-31T23:59:59.9-23:59", "1969-12-31T23:59:59.000000001Z"):
        assert parse_rfc3339(text) == general(text + " ")

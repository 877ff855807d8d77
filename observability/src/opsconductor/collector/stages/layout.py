"""Times by format: Unix seconds to nanoseconds, and layouts written as the reference time Mon Jan 2 15:04:05 2006.

Spec: Go's time.Parse and its named layouts; Promtail stages/util.convertDateLayout.
"""

import re
from calendar import day_name, month_name, timegm
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

ParseTime = Callable[[str], int]
"""Text → ns since 1970. Raises ValueError."""

LAYOUTS = {
    "ANSIC": "Mon Jan _2 15:04:05 2006",
    "UnixDate": "Mon Jan _2 15:04:05 MST 2006",
    "RubyDate": "Mon Jan 02 15:04:05 -0700 2006",
    "RFC822": "02 Jan 06 15:04 MST",
    "RFC822Z": "02 Jan 06 15:04 -0700",
    "RFC850": "Monday, 02-Jan-06 15:04:05 MST",
    "RFC1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "RFC1123Z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "RFC3339": "2006-01-02T15:04:05Z07:00",
    "RFC3339Nano": "2006-01-02T15:04:05.999999999Z07:00",
}

_MONTHS = [name.lower() for name in month_name[1:]]
_DAYS = [name.lower() for name in day_name]
_OFFSET = {":": r"[+-]\d\d:\d\d", "": r"[+-]\d{4}", "h": r"[+-]\d\d", "s": r"[+-]\d\d:\d\d:\d\d", "t": r"[+-]\d{6}"}

# Longer chunks first: the first that fits is taken, as in Go's nextStdChunk.
_CHUNKS = (
    ("January", "month_name", "|".join(_MONTHS)),
    ("Jan", "month_name", "|".join(name[:3] for name in _MONTHS)),
    ("Monday", "", "|".join(_DAYS)),
    ("Mon", "", "|".join(name[:3] for name in _DAYS)),
    ("MST", "zone_name", r"[A-Z]{3,5}|[+-]\d\d(?:\d\d)?"),
    ("2006", "year", r"\d{4}"),
    ("002", "day_of_year", r"\d{3}"),
    ("__2", "day_of_year", r" {0,2}\d{1,3}"),
    ("_2", "day", r" ?\d{1,2}"),
    ("01", "month", r"\d{2}"),
    ("02", "day", r"\d{2}"),
    ("03", "hour12", r"\d{2}"),
    ("04", "minute", r"\d{2}"),
    ("05", "second", r"\d{2}"),
    ("06", "year2", r"\d{2}"),
    ("15", "hour", r"\d{1,2}"),
    ("1", "month", r"\d{1,2}"),
    ("2", "day", r"\d{1,2}"),
    ("3", "hour12", r"\d{1,2}"),
    ("4", "minute", r"\d{1,2}"),
    ("5", "second", r"\d{1,2}"),
    ("PM", "half", "AM|PM"),
    ("pm", "half", "am|pm"),
    ("Z07:00:00", "offset", f"Z|{_OFFSET['s']}"),
    ("Z070000", "offset", f"Z|{_OFFSET['t']}"),
    ("Z07:00", "offset", f"Z|{_OFFSET[':']}"),
    ("Z0700", "offset", f"Z|{_OFFSET['']}"),
    ("Z07", "offset", f"Z|{_OFFSET['h']}"),
    ("-07:00:00", "offset", _OFFSET["s"]),
    ("-070000", "offset", _OFFSET["t"]),
    ("-07:00", "offset", _OFFSET[":"]),
    ("-0700", "offset", _OFFSET[""]),
    ("-07", "offset", _OFFSET["h"]),
)
_FRACTION = re.compile(r"[.,](0+|9+)(?!\d)")
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(?:Z|([+-]\d\d):(\d\d))", re.ASCII)


def compile_format(name: str, zone: ZoneInfo | None) -> ParseTime:
    """The parser of a format's name (RFC3339, UnixMs, …) or of a layout; a text without zone is in `zone` or UTC."""
    if name in ("RFC3339", "RFC3339Nano", LAYOUTS["RFC3339"], LAYOUTS["RFC3339Nano"]):
        return parse_rfc3339
    if name == "Unix":
        return _parse_unix
    for unit, factor in (("UnixMs", 1_000_000), ("UnixUs", 1_000), ("UnixNs", 1)):
        if name == unit:
            return _scaled(factor)
    return _compile_layout(LAYOUTS.get(name, name), zone)


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since 1970 of 2006-01-02T15:04:05.999999999Z07:00. Raises ValueError."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(text)
    seconds, fraction, hours, minutes = match.groups()
    ns = _whole_seconds(seconds) * 1_000_000_000
    if fraction:
        ns += int(fraction[:9].ljust(9, "0"))
    if hours:
        if int(hours[1:]) > 23 or int(minutes) > 59:
            raise ValueError(text)
        offset = (int(hours[1:]) * 60 + int(minutes)) * 60_000_000_000
        ns -= -offset if hours[0] == "-" else offset
    return ns


@lru_cache(maxsize=256)
def _whole_seconds(text: str) -> int:
    return timegm(datetime.fromisoformat(text).timetuple())


def _parse_unix(text: str) -> int:
    seconds, dot, fraction = text.partition(".")
    ns = _integer(seconds) * 1_000_000_000
    if not dot:
        return ns
    return ns + int(_integer(fraction) * 10.0 ** (9 - len(fraction)))


def _scaled(factor: int) -> ParseTime:
    return lambda text: _integer(text) * factor


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,19}", text, re.ASCII):
        raise ValueError(text)
    return int(text)


def _compile_layout(layout: str, zone: ZoneInfo | None) -> ParseTime:
    pattern, at = "", 0
    while at < len(layout):
        taken, fragment = _take_chunk(layout, at)
        pattern += fragment
        at += taken
    compiled = re.compile(pattern, re.IGNORECASE | re.ASCII)

    def parse(text: str) -> int:
        match = compiled.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return _assemble({key: part for key, part in match.groupdict().items() if part is not None}, zone)

    return parse


def _take_chunk(layout: str, at: int) -> tuple[int, str]:
    """(signs of the layout that are used up, pattern for them)."""
    fraction = _FRACTION.match(layout, at)
    if fraction:
        digits = fraction[1]
        if digits[0] == "0":
            return len(fraction[0]), rf"[.,](?P<fraction>\d{{{len(digits)}}})"
        return len(fraction[0]), r"(?:[.,](?P<fraction>\d+))?"
    for chunk, name, fragment in _CHUNKS:
        if not layout.startswith(chunk, at):
            continue
        after = at + len(chunk)
        if not name:
            return len(chunk), f"(?:{fragment})"
        if name == "second" and not _FRACTION.match(layout, after):
            # A fraction may follow the seconds though the layout has none.
            return len(chunk), rf"(?P<second>{fragment})(?:[.,](?P<fraction>\d+))?"
        return len(chunk), f"(?P<{name}>{fragment})"
    return 1, re.escape(layout[at])


def _assemble(parts: dict[str, str], zone: ZoneInfo | None) -> int:
    month = _find_month(parts)
    year = _find_year(parts, month)
    hour, minute, second = (int(parts.get(key, "0")) for key in ("hour", "minute", "second"))
    if "hour12" in parts:
        hour = int(parts["hour12"])
        if hour > 12:
            raise ValueError(hour)
    half = parts.get("half", "").upper()
    if half:
        hour = hour % 12 + (12 if half == "PM" else 0)
    moment = datetime(year, month, int(parts.get("day", "1")), hour, minute, second, tzinfo=UTC)
    if "day_of_year" in parts:
        moment = moment.replace(month=1, day=1) + timedelta(days=int(parts["day_of_year"]) - 1)
    seconds = timegm(moment.timetuple()) - _find_offset(parts, moment, zone)
    return seconds * 1_000_000_000 + int(parts.get("fraction", "0")[:9].ljust(9, "0"))


def _find_month(parts: dict[str, str]) -> int:
    if "month_name" not in parts:
        return int(parts.get("month", "1"))
    short = parts["month_name"].lower()[:3]
    return next(index for index, name in enumerate(_MONTHS, 1) if name.startswith(short))


def _find_year(parts: dict[str, str], month: int) -> int:
    if "year" in parts:
        return int(parts["year"])
    if "year2" in parts:
        year = int(parts["year2"])
        return year + (1900 if year >= 69 else 2000)
    # Without a year it is this one, but lines of December arrive in January, and the reverse with a fast clock.
    now = datetime.now(UTC)
    if month == 12 and now.month == 1:
        return now.year - 1
    return now.year + 1 if month == 1 and now.month == 12 else now.year


def _find_offset(parts: dict[str, str], moment: datetime, zone: ZoneInfo | None) -> int:
    """Seconds east of UTC."""
    text = parts.get("offset", "")
    if text.upper() == "Z":
        return 0
    if text:
        digits = text[1:].replace(":", "").ljust(6, "0")
        seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
        return -seconds if text[0] == "-" else seconds
    if "zone_name" in parts and (zone is None or moment.replace(tzinfo=zone).tzname() != parts["zone_name"]):
        return 0  # an abbreviation alone names no offset
    offset = moment.replace(tzinfo=zone).utcoffset() if zone else None
    return int(offset.total_seconds()) if offset else 0

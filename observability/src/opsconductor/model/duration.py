"""Durations as the originals write them: "1h30m", "15s", "250ms", "7d"."""

import re

from opsconductor.model.errors import InputError

UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
    "y": 31_536_000_000_000_000,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w|y)")


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration such as "1h30m"; a leading "-" negates; "0" is zero.

    Raises InputError. Spec: Go's time.ParseDuration, with Prometheus's d, w and y.
    """
    body, sign = (text[1:], -1) if text.startswith("-") else (text, 1)
    if body == "0":
        return 0
    total, at = 0.0, 0
    for part in _PART.finditer(body):
        if part.start() != at:
            break
        number, unit = part.groups()
        total += int(number) * UNITS_NS[unit] if number.isdigit() else float(number) * UNITS_NS[unit]
        at = part.end()
    if not body or at != len(body):
        raise InputError(f'cannot read duration "{text}": write a number and a unit, such as 30s, 5m or 1h30m')
    return sign * int(total)


def format_duration(ns: int) -> str:
    """The shortest form in whole units, "1h30m", "250ms"; "0s" for zero. Spec: Prometheus model.Duration."""
    if ns == 0:
        return "0s"
    text, rest = ("-" if ns < 0 else ""), abs(ns)
    for unit in ("d", "h", "m", "s", "ms", "us", "ns"):
        count, rest = divmod(rest, UNITS_NS[unit])
        if count:
            text += f"{count}{unit}"
    return text

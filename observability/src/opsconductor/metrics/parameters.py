"""Request parameters of the query API. Spec: Prometheus HTTP API v1."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from opsconductor.model.duration import parse_duration
from opsconductor.model.errors import InputError

Form = Mapping[str, Sequence[str]]

MAX_POINTS = 11_000
"""Points a series that a range query may ask for, as in the original."""
OLDEST_MS, NEWEST_MS = -(2**53), 2**53


@dataclass(frozen=True)
class RangeQuery:
    """A range query; times in ms, step > 0."""

    query: str
    start_ms: int
    end_ms: int
    step_ms: int


def first(form: Form, name: str, default: str = "") -> str:
    """The parameter's first value."""
    values = form.get(name)
    return values[0] if values else default


def parse_time(text: str, name: str) -> int:
    """Milliseconds of seconds since 1970 or an RFC 3339 text. Raises InputError."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            return round(datetime.fromisoformat(text).timestamp() * 1000)
        except ValueError:
            raise InputError(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp') from None
    if not math.isfinite(seconds) or abs(seconds * 1000) > NEWEST_MS:
        raise InputError(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp')
    return round(seconds * 1000)


def parse_step(text: str) -> int:
    """Milliseconds of seconds or a duration. Raises InputError."""
    try:
        step_ms = round(float(text) * 1000)
    except (ValueError, OverflowError):
        try:
            step_ms = parse_duration(text) // 1_000_000
        except InputError:
            raise InputError(f'invalid parameter "step": cannot parse "{text}" to a valid duration') from None
    if step_ms <= 0:
        raise InputError(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted.'
            " Try a positive integer"
        )
    return step_ms


def parse_range_query(form: Form) -> RangeQuery:
    """The parameters of query_range. Raises InputError."""
    start_ms, end_ms = (parse_time(first(form, name), name) for name in ("start", "end"))
    if end_ms < start_ms:
        raise InputError('invalid parameter "end": end timestamp must not be before start time')
    step_ms = parse_step(first(form, "step"))
    if (end_ms - start_ms) / step_ms > MAX_POINTS:
        raise InputError(
            f"exceeded maximum resolution of {MAX_POINTS:,} points per timeseries."
            " Try decreasing the query resolution (?step=XX)"
        )
    return RangeQuery(first(form, "query"), start_ms, end_ms, step_ms)


def parse_bounds(form: Form) -> tuple[int, int]:
    """(start, end) in ms of series and label requests; without them everything."""
    start, end = first(form, "start"), first(form, "end")
    start_ms = parse_time(start, "start") if start else OLDEST_MS
    end_ms = parse_time(end, "end") if end else NEWEST_MS
    return start_ms, end_ms

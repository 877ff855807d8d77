"""Parameters of the read API: times, durations, limits, directions, with the original's defaults and wording.

Spec: Loki pkg/loghttp (params.go, query.go, labels.go, tail.go). All times are ns since 1970, durations ns.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from opsconductor.logs.settings import MAX_QUERY_BYTES
from opsconductor.model.duration import parse_duration
from opsconductor.model.errors import InputError

SECOND = 1_000_000_000
DEFAULT_LIMIT = 100
DEFAULT_SINCE = 3600 * SECOND
MAX_POINTS = 11_000
MAX_TAIL_DELAY_S = 5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)

Form = Mapping[str, Sequence[str]]
"""Each parameter's values in the order in which they were given, query string before body."""


def first(form: Form, name: str) -> str:
    """A parameter's first value, "" where it is absent."""
    values = form.get(name)
    return values[0] if values else ""


def parse_timestamp(text: str, default: int) -> int:
    """Ns of float seconds (ms precision), integer seconds (up to ten digits), integer ns or RFC 3339.

    Raises InputError.
    """
    if not text:
        return default
    if "." in text and _FLOAT.fullmatch(text) and abs(float(text)) < 1e10:
        fraction, whole = math.modf(float(text))
        return int(whole) * SECOND + int(math.floor(abs(fraction) * 1000 + 0.5) * math.copysign(1_000_000, fraction))
    if _INTEGER.fullmatch(text):
        number = int(text)
        return number * SECOND if len(text) <= 10 else number
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InputError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return _parse_rfc3339(match, text)


def _parse_rfc3339(match: re.Match[str], text: str) -> int:
    whole, fraction, zone = match.groups()
    try:
        time = datetime.fromisoformat(whole + ("+00:00" if zone == "Z" else zone))
    except ValueError as error:
        raise InputError(f'cannot read time "{text}": {error}') from error
    return (time - _EPOCH) // timedelta(seconds=1) * SECOND + int(f"{fraction or '0':0<9.9}")


def parse_step(text: str) -> int:
    """Seconds ("5", "5.5", "-1") or a duration ("5m") in ns. Raises InputError."""
    if _FLOAT.fullmatch(text):
        ns = float(text) * SECOND
        if abs(ns) >= 1 << 63:
            raise InputError(f'cannot parse "{text}" to a valid duration. It overflows int64')
        return int(ns)
    try:
        ns = parse_duration(text)
    except InputError:
        ns = -1
    if ns < 0:
        raise InputError(f'cannot parse "{text}" to a valid duration')
    return ns


def parse_integer(text: str, default: int) -> int:
    """A decimal integer. Raises InputError in the words of Go's strconv.Atoi."""
    if not text:
        return default
    if not _INTEGER.fullmatch(text):
        raise InputError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def parse_limit(form: Form) -> int:
    """How many entries to return. Raises InputError unless positive."""
    limit = parse_integer(first(form, "limit"), DEFAULT_LIMIT)
    if limit <= 0:
        raise InputError("limit must be a positive value")
    return limit


def parse_direction(form: Form) -> bool:
    """Whether the direction is forward, oldest first; backward is the default."""
    text = first(form, "direction")
    if text.upper() not in ("", "FORWARD", "BACKWARD"):
        raise InputError(f"invalid direction '{text}'")
    return text.upper() == "FORWARD"


def parse_query(form: Form) -> str:
    """The query's text."""
    text = first(form, "query")
    if len(text.encode()) > MAX_QUERY_BYTES:
        raise InputError(f"cannot read the query: it is longer than {MAX_QUERY_BYTES} bytes")
    return text


def parse_bounds(form: Form, now: int) -> tuple[int, int]:
    """(start, end): end defaults to now, start to `since` (1h) before end or now, whichever is earlier."""
    since = DEFAULT_SINCE
    if text := first(form, "since"):
        try:
            since = parse_duration(text)
        except InputError as error:
            raise InputError(f"could not parse 'since' parameter: {error}") from error
    end = _parse_bound(form, "end", now)
    return _parse_bound(form, "start", min(end, now) - since), end


def _parse_bound(form: Form, name: str, default: int) -> int:
    try:
        return parse_timestamp(first(form, name), default)
    except InputError as error:
        raise InputError(f"could not parse '{name}' parameter: {error}") from error


@dataclass(frozen=True)
class InstantQuery:
    """Parameters of /query."""

    query: str
    time: int
    limit: int
    forward: bool


def parse_instant_query(form: Form, now: int) -> InstantQuery:
    """Read the parameters of /query. Raises InputError."""
    time = parse_timestamp(first(form, "time"), now)
    return InstantQuery(parse_query(form), time, parse_limit(form), parse_direction(form))


@dataclass(frozen=True)
class RangeQuery:
    """Parameters of /query_range."""

    query: str
    start: int
    end: int
    step: int
    limit: int
    forward: bool


def parse_range_query(form: Form, now: int) -> RangeQuery:
    """Read the parameters of /query_range. Raises InputError."""
    start, end = parse_bounds(form, now)
    if end <= start:
        raise InputError("end timestamp must not be before or equal to start time")
    limit, forward = parse_limit(form), parse_direction(form)
    text = first(form, "step")
    step = parse_step(text) if text else max((end - start) // SECOND // 250, 1) * SECOND
    if step <= 0:
        raise InputError("zero or negative query resolution step widths are not accepted. Try a positive integer")
    if (end - start) // step > MAX_POINTS:
        raise InputError(
            "exceeded maximum resolution of 11,000 points per time series."
            " Try increasing the value of the step parameter"
        )
    if (interval := first(form, "interval")) and parse_step(interval) != 0:
        raise InputError("cannot evaluate `interval`: not supported yet; leave it out")
    return RangeQuery(parse_query(form), start, end, step, limit, forward)


@dataclass(frozen=True)
class TailQuery:
    """Parameters of /tail; delay_s: how long entries are held back so that late ones come in order."""

    query: str
    delay_s: int
    limit: int
    start: int


def parse_tail_query(form: Form, now: int) -> TailQuery:
    """Read the parameters of /tail. Raises InputError."""
    limit = parse_limit(form)
    start, _ = parse_bounds({"start": form.get("start", ())}, now)
    delay = parse_integer(first(form, "delay_for"), 0)
    if delay > MAX_TAIL_DELAY_S:
        raise InputError("delay_for can't be greater than 5")
    if delay < 0:
        raise InputError("delay_for can't be negative")
    return TailQuery(parse_query(form), delay, limit, start)


def parse_matchers(form: Form) -> list[str]:
    """The selectors of /series. Raises InputError where there is none."""
    texts = [*form.get("match[]", ()), *form.get("match", ())]
    if not texts:
        raise InputError('0 matcher sets supplied: give match[]={label="value"}')
    return list(texts)

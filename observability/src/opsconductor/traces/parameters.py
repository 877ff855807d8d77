"""Query parameters of both generations. Spec: the original's query_parser (v1: µs and ms) and apiv3 (RFC 3339)."""

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs

from opsconductor.model.duration import parse_duration
from opsconductor.model.errors import InputError

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 10_000
"""The most traces of one search; the original's bound is the number of traces that its store holds."""

DEFAULT_LOOKBACK_NS: Final = 2 * 86_400 * 10**9
DEFAULT_DEPENDENCIES_MS: Final = 86_400_000
US, MS = 1_000, 1_000_000
MAX_TIME_NS: Final = (1 << 63) - 2

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)")
_UNSEARCHABLE = re.compile("[\0\ud800-\udfff]")
_HEX = re.compile("[0-9a-fA-F]{1,32}")
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


class Form:
    """The parameters of a query string; the first value of a name counts."""

    def __init__(self, query: str) -> None:
        self._values = parse_qs(query, keep_blank_values=True, errors="replace")

    def text(self, *names: str) -> str:
        """The first of the names that has a value; "" for none."""
        return next((found for name in names if (found := self._values.get(name, [""])[0])), "")

    def texts(self, name: str) -> list[str]:
        """Every value of a name."""
        return self._values.get(name, [])

    def flag(self, *names: str) -> bool:
        """Whether it says true. Raises InputError."""
        text = self.text(*names)
        if text in _TRUE:
            return True
        if text and text not in _FALSE:
            raise InputError(f"unable to parse param '{names[0]}': \"{text}\" is neither true nor false")
        return False

    def whole(self, name: str, default: int) -> int:
        """A whole number that fits 64 bits. Raises InputError."""
        text = self.text(name)
        try:
            number = int(text) if text else default
        except ValueError:
            number = 1 << 63
        if not -(1 << 63) <= number < 1 << 63:
            raise InputError(f"unable to parse param '{name}': \"{text}\" is not a whole number")
        return number

    def duration(self, *names: str) -> int:
        """A duration such as 1.5ms in ns; 0 where it is absent. Raises InputError."""
        text = self.text(*names)
        try:
            return min(parse_duration(text), MAX_TIME_NS) if text else 0
        except (InputError, OverflowError) as error:
            raise InputError(f"unable to parse param '{names[0]}': {error}") from error


@dataclass(frozen=True)
class TraceQuery:
    """A search.

    start_ns, end_ns: of span starts, both inclusive; durations in ns, 0 = any; ids: read these traces instead.
    """

    start_ns: int
    end_ns: int
    limit: int = DEFAULT_LIMIT
    service: str = ""
    operation: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    min_duration_ns: int = 0
    max_duration_ns: int = 0
    raw: bool = False
    ids: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class TimeRange:
    """Both ends inclusive, ns; None = open."""

    start_ns: int | None
    end_ns: int | None


def parse_search(form: Form) -> TraceQuery:
    """GET /api/traces. Raises InputError."""
    now = time.time_ns()
    query = TraceQuery(
        start_ns=clamp(form.whole("start", (now - DEFAULT_LOOKBACK_NS) // US) * US),
        end_ns=clamp(form.whole("end", now // US) * US),
        limit=_check_limit(form.whole("limit", DEFAULT_LIMIT)),
        service=form.text("service"),
        operation=form.text("operation"),
        tags=_parse_tags(form),
        min_duration_ns=form.duration("minDuration"),
        max_duration_ns=form.duration("maxDuration"),
        raw=form.flag("raw"),
        ids=tuple(parse_trace_id(text) for text in form.texts("traceID")),
    )
    if query.min_duration_ns and 0 < query.max_duration_ns < query.min_duration_ns:
        raise InputError("'maxDuration' should be greater than 'minDuration'")
    return query


def _parse_tags(form: Form) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag in form.texts("tag"):
        key, colon, value = tag.partition(":")
        if not colon:
            raise InputError(f"malformed 'tag' parameter, expecting key:value, received: {tag}")
        tags[key] = value
    for text in form.texts("tags"):
        tags |= parse_tag_map("tags", text)
    return _check_tags(tags)


def parse_tag_map(name: str, text: str) -> dict[str, str]:
    """{"key": "value", …}. Raises InputError."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"malformed '{name}' parameter, cannot unmarshal JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InputError(f"malformed '{name}' parameter, cannot unmarshal JSON: write an object of texts")
    return found


def _check_tags(tags: dict[str, str]) -> dict[str, str]:
    if not all(_is_searchable(text) for pair in tags.items() for text in pair):
        raise InputError("cannot search: a tag holds a character that no attribute can hold")
    return tags


def _is_searchable(text: str) -> bool:
    """Whether SQL can hold the text: no NUL, no half of a surrogate pair."""
    return not _UNSEARCHABLE.search(text)


def parse_search_v3(form: Form) -> TraceQuery:
    """GET /api/v3/traces and trace-summaries. Raises InputError."""
    low, high = (form.text(f"query.startTime{end}", f"query.start_time_{end.lower()}") for end in ("Min", "Max"))
    if not low or not high:
        raise InputError("query.startTimeMin and query.startTimeMax are required")
    start_ns, end_ns = parse_time("query.startTimeMin", low), parse_time("query.startTimeMax", high)
    if start_ns >= end_ns:
        raise InputError("query.startTimeMin must be before query.startTimeMax")
    if form.text("query.filter"):
        raise InputError("cannot search: query.filter is not supported; use query.attributes")
    attributes = form.text("query.attributes")
    depth = form.text("query.searchDepth", "query.search_depth", "query.num_traces")
    try:
        limit = int(depth) if depth else DEFAULT_LIMIT
    except ValueError as error:
        raise InputError(f'malformed parameter query.searchDepth: "{depth}" is not a whole number') from error
    return TraceQuery(
        start_ns=clamp(start_ns),
        end_ns=clamp(end_ns),
        limit=_check_limit(limit),
        service=form.text("query.serviceName", "query.service_name"),
        operation=form.text("query.operationName", "query.operation_name"),
        tags=_check_tags(parse_tag_map("query.attributes", attributes)) if attributes else {},
        min_duration_ns=form.duration("query.durationMin", "query.duration_min"),
        max_duration_ns=form.duration("query.durationMax", "query.duration_max"),
        raw=form.flag("query.rawTraces", "query.raw_traces"),
    )


def parse_hint(form: Form) -> TimeRange:
    """Optional `start` and `end` of GET /api/traces/{id}, µs. Raises InputError."""
    start, end = (clamp(form.whole(name, 0) * US) if form.text(name) else None for name in ("start", "end"))
    return TimeRange(start, end)


def parse_hint_v3(form: Form) -> TimeRange:
    """Optional startTime and endTime of GET /api/v3/traces/{id}. Raises InputError."""
    texts = [(name, form.text(name, old)) for name, old in (("startTime", "start_time"), ("endTime", "end_time"))]
    start, end = (clamp(parse_time(name, text)) if text else None for name, text in texts)
    return TimeRange(start, end)


def parse_dependencies(form: Form) -> TimeRange:
    """The range of GET /api/dependencies: endTs and lookback, ms. Raises InputError."""
    end_ns = form.whole("endTs", time.time_ns() // MS) * MS
    lookback_ns = form.whole("lookback", DEFAULT_DEPENDENCIES_MS) * MS
    return TimeRange(clamp(end_ns - lookback_ns), clamp(end_ns))


def _check_limit(limit: int) -> int:
    if not 0 < limit <= MAX_LIMIT:
        raise InputError(f"search depth must be greater than 0 and at most {MAX_LIMIT}")
    return limit


def clamp(time_ns: int) -> int:
    """The time within what int64 ns can hold."""
    return max(0, min(time_ns, MAX_TIME_NS))


def parse_time(name: str, text: str) -> int:
    """Nanoseconds of an RFC 3339 time; "+" may have become a space. Raises InputError."""
    match = _RFC3339.fullmatch(text.replace(" ", "+"))
    if match is None:
        raise InputError(f'malformed parameter {name}: "{text}" is not a time; write 2026-01-31T10:00:00Z')
    day, clock, fraction, zone = match.groups()
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{zone.upper()}")
    except ValueError as error:
        raise InputError(f'malformed parameter {name}: "{text}" is not a time: {error}') from error
    return int(whole.timestamp()) * 10**9 + int((fraction or "0").ljust(9, "0"))


def parse_trace_id(text: str) -> bytes:
    """16 bytes of an id in hexadecimal, leading zeros optional, or base64 of any kind. Raises InputError."""
    if _HEX.fullmatch(text):
        return int(text, 16).to_bytes(16, "big")
    try:
        return _decode_base64(text)
    except (ValueError, binascii.Error):
        pass
    raise InputError(f'cannot read trace id "{text[:64]}": write up to 32 hexadecimal digits, or base64')


def _decode_base64(text: str) -> bytes:
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    found = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    if len(found) not in (8, 16):
        raise ValueError("not 8 or 16 bytes")
    return found.rjust(16, b"\0")

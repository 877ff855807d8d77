"""Stored rows as spans of traces."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from opsconductor.traces.table import KINDS, STRING

SERVICE_KEY = "service.name"
PRUNED_COLUMNS = ("time", "series", "trace_id", "span_id", "parent_span_id", "duration", "status")
"""What a summary reads."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One typed value; type is the protocol's number (table.STRING …), value its text."""

    key: str
    type: int
    value: str


@dataclass(slots=True)
class Event:
    """Something that happened at time_ns."""

    time_ns: int
    name: str
    attributes: list[Attribute]
    dropped: int


@dataclass(frozen=True, slots=True)
class Link:
    """A span of this or another trace."""

    trace_id: bytes
    span_id: bytes
    trace_state: str
    attributes: list[Attribute]
    dropped: int
    flags: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Who made the span: a library."""

    name: str
    version: str
    attributes: tuple[Attribute, ...]


@dataclass(slots=True)
class Span:
    """One span. resource: its attributes, service.name among them; warnings: what the query found wrong with it."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    service: str
    operation: str
    kind: int
    start_ns: int
    duration_ns: int
    status: int
    status_message: str
    flags: int
    trace_state: str
    attributes: list[Attribute]
    events: list[Event]
    links: list[Link]
    resource: tuple[Attribute, ...]
    scope: Scope
    dropped: tuple[int, int, int]
    warnings: list[str] = field(default_factory=list)


Trace = list[Span]


def split_traces(table: pa.Table, ids: Sequence[bytes]) -> Iterator[pa.Table]:
    """The rows of each trace in the order of ids; the table is sorted by trace_id."""
    found = table.column("trace_id").combine_chunks()
    runs = found.value_counts() if len(found) else []
    places: dict[bytes, tuple[int, int]] = {}
    at = 0
    for run in runs:
        size = run["counts"].as_py()
        places[run["values"].as_py()] = (at, size)
        at += size
    for trace_id in ids:
        if trace_id in places:
            yield table.slice(*places[trace_id])


def read_spans(rows: pa.Table, series: Mapping[int, Mapping[str, str]]) -> Trace:
    """Spans of rows with every column of the table."""
    return [_read_span(row, series[row["series"]]) for row in rows.to_pylist()]


def _read_span(row: dict[str, Any], labels: Mapping[str, str]) -> Span:
    service = labels.get("service", "")
    named = Attribute(SERVICE_KEY, STRING, service)
    others = [one for one in _read_attributes(row["resource"]) if one.key != SERVICE_KEY]
    return Span(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_id=row["parent_span_id"],
        service=service,
        operation=labels.get("operation", ""),
        kind=KINDS.index(labels.get("kind", "")),
        start_ns=row["time"],
        duration_ns=row["duration"],
        status=row["status"],
        status_message=row["status_message"],
        flags=row["flags"],
        trace_state=row["trace_state"],
        attributes=_read_attributes(row["attributes"]),
        events=[
            Event(one["time"], one["name"], _read_attributes(one["attributes"]), one["dropped"])
            for one in row["events"]
        ],
        links=[
            Link(
                one["trace_id"],
                one["span_id"],
                one["trace_state"],
                _read_attributes(one["attributes"]),
                one["dropped"],
                one["flags"],
            )
            for one in row["links"]
        ],
        resource=(named, *others),
        scope=Scope(row["scope_name"], row["scope_version"], tuple(_read_attributes(row["scope_attributes"]))),
        dropped=(row["dropped_attributes"], row["dropped_events"], row["dropped_links"]),
    )


def _read_attributes(items: Sequence[Mapping[str, Any]]) -> list[Attribute]:
    return [Attribute(item["key"], item["type"], item["value"]) for item in items]

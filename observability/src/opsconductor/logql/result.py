"""What a query returns, in the shapes of Loki's API but as plain data; times are int64 ns since 1970, UTC."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Stats:
    """What a query cost. Bytes and lines are those that were looked at, after pruning by time and series."""

    bytes: int = 0
    lines: int = 0
    entries: int = 0
    """Entries or samples returned."""
    post_filter_lines: int = 0
    """Lines that every filter let through."""
    series: int = 0
    """Series that the selectors matched."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One log line with what was known beside it (`metadata`) and what the stages read out of it (`parsed`)."""

    time_ns: int
    line: str
    metadata: dict[str, str]
    parsed: dict[str, str]


@dataclass(frozen=True, slots=True)
class StreamResult:
    """Entries of one label set, in the query's direction.

    `labels` holds stream labels, metadata and parsed labels together; `stream` only those that the stream itself has
    (what a client that asks for categorised labels wants; see `categorize`).
    """

    labels: dict[str, str]
    stream: dict[str, str]
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Streams:
    """Answer to a log query."""

    streams: list[StreamResult]
    stats: Stats = field(default_factory=Stats)


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """Points (time ns, value) of one label set, ascending in time; a step without a value has no point."""

    labels: dict[str, str]
    points: list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Answer to a metric query over a range."""

    series: list[SeriesResult]
    stats: Stats = field(default_factory=Stats)


@dataclass(frozen=True, slots=True)
class Sample:
    """One label set's value at the query's time."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Vector:
    """Answer to a metric query at one time; the order matters after topk, bottomk and sort."""

    time_ns: int
    samples: list[Sample]
    stats: Stats = field(default_factory=Stats)


@dataclass(frozen=True, slots=True)
class Scalar:
    """Answer to an arithmetic expression at one time."""

    time_ns: int
    value: float
    stats: Stats = field(default_factory=Stats)


Result = Streams | Matrix | Vector | Scalar


def categorize(streams: list[StreamResult], *, forward: bool) -> list[StreamResult]:
    """The same entries grouped by the streams' own labels, each group ascending in time if forward, else descending.

    Spec: Loki's response encoding flag "categorize-labels".
    """
    grouped: dict[tuple[tuple[str, str], ...], list[Entry]] = {}
    for result in streams:
        grouped.setdefault(tuple(sorted(result.stream.items())), []).extend(result.entries)
    for entries in grouped.values():
        entries.sort(key=lambda entry: entry.time_ns, reverse=not forward)
    return [StreamResult(dict(key), dict(key), entries) for key, entries in grouped.items()]

"""Log queries: entries of a selector that pass the stages, newest or oldest first, up to the limit."""

from collections.abc import Mapping

from opsconductor.logql.latest import Found, Walk
from opsconductor.logql.operators.pipeline import compile_stages
from opsconductor.logql.operators.row import Operator, Row
from opsconductor.logql.request import QueryParams
from opsconductor.logql.result import Entry, StreamResult, Streams
from opsconductor.logql.scan import Scan

_FIRST_PAGE, _LAST_PAGE, _PAGE_CHARACTERS = 1_000, 32_000, 32_000_000
"""Rows of a page when stages may drop rows: few at first, then twice as many each time, within so much text."""

_Key = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


class StreamCollector:
    """Groups entries by their labels."""

    def __init__(self) -> None:
        self._streams: dict[_Key, StreamResult] = {}
        self.count = 0

    def add(self, time_ns: int, row: Row) -> None:
        """Add an entry that passed the stages."""
        labels = row.labels()
        key = (tuple(sorted(labels.items())), tuple(sorted(row.stream.items())))
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = StreamResult(labels, dict(row.stream), [])
        parsed = {**row.parsed, **row.errors()}
        stream.entries.append(Entry(time_ns, row.line, dict(row.metadata), parsed))
        self.count += 1

    def streams(self) -> list[StreamResult]:
        """The streams in the order of their labels."""
        return [self._streams[key] for key in sorted(self._streams)]


def collect_entries(scan: Scan, stages: Operator, params: QueryParams, *, sifts: bool) -> Streams:
    """The first `params.limit` entries of a scan that pass; `sifts` says that the stages may drop some."""
    walk, collector = Walk(scan, forward=params.forward), StreamCollector()
    size = max(params.limit, _FIRST_PAGE) if sifts else params.limit
    while collector.count < params.limit:
        page = walk.page(size)
        _collect_page(page, scan.labels, stages, collector, params.limit)
        if len(page) < size:
            break
        average = max(1, sum(len(found.line) for found in page) // size)
        size = max(1, min(size * 2, _LAST_PAGE, _PAGE_CHARACTERS // average))
    scan.stats.entries = scan.stats.post_filter_lines = collector.count
    return Streams(collector.streams(), scan.stats)


def _collect_page(
    page: list[Found],
    labels: Mapping[int, Mapping[str, str]],
    stages: Operator,
    collector: StreamCollector,
    limit: int,
) -> None:
    for found in page:
        row = Row(found.line, labels[found.series], found.metadata)
        if stages(row):
            collector.add(found.time_ns, row)
            if collector.count == limit:
                return


def run_log_query(scan: Scan, params: QueryParams) -> Streams:
    """Answer a log query over its scan."""
    plan = scan.plan
    return collect_entries(scan, compile_stages(plan.stages), params, sifts=bool(plan.stages))

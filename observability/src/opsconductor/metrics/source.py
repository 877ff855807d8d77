"""Samples of a snapshot for the query language: matchers choose series, parts give rows, rows become flat arrays."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import re2

from opsconductor.model.errors import LimitError
from opsconductor.model.labels import Labels, parse_labels
from opsconductor.promql.samples import Samples
from opsconductor.promql.syntax import Matcher, MatchOperator
from opsconductor.storage.reader import Part, Snapshot

MS_NS = 1_000_000
MAX_SAMPLES = 50_000_000
"""Samples that one query may load. Prometheus: --query.max-samples."""

_COLUMNS = ["series", "time", "sequence", "value"]


@lru_cache(maxsize=200_000)
def read_labels(text: str) -> Labels:
    """The label set of a canonical text, parsed once."""
    return parse_labels(text)


def compile_matcher(matcher: Matcher) -> Callable[[str], bool]:
    """A test of a label's value; an absent label is the empty value."""
    value = matcher.value
    if matcher.operator is MatchOperator.EQUAL:
        return lambda text: text == value
    if matcher.operator is MatchOperator.NOT_EQUAL:
        return lambda text: text != value
    pattern = re2.compile(f"(?s:{value})")
    wanted = matcher.operator is MatchOperator.MATCH
    return lambda text: (pattern.fullmatch(text) is not None) is wanted


def match_series(table: pa.Table, matchers: Sequence[Matcher]) -> tuple[npt.NDArray[np.uint64], tuple[Labels, ...]]:
    """Ids and labels of the series of a `list_series` table that meet all matchers, ascending by id."""
    tests = [(matcher.name, compile_matcher(matcher)) for matcher in matchers]
    ids, chosen = [], []
    for number, text in zip(table.column("series").to_pylist(), table.column("labels").to_pylist(), strict=True):
        labels = read_labels(text)
        named = dict(labels)
        if all(test(named.get(name, "")) for name, test in tests):
            ids.append(number)
            chosen.append(labels)
    return np.asarray(ids, dtype=np.uint64), tuple(chosen)


class SnapshotSource:
    """A SampleSource over one snapshot of a tenant."""

    def __init__(self, snapshot: Snapshot, max_samples: int = MAX_SAMPLES) -> None:
        self._snapshot = snapshot
        self._left = max_samples

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
        """Samples of matching series with start_ms < time <= end_ms. Raises LimitError (query.max-samples)."""
        start_ns, end_ns = start_ms * MS_NS + 1, end_ms * MS_NS + 1
        ids, labels = match_series(self._snapshot.list_series(start_ns, end_ns), matchers)
        if not len(ids):
            return _no_samples()
        tables = [self._read(part, ids, start_ns, end_ns) for part in self._snapshot.list_parts(start_ns, end_ns)]
        table = pa.concat_tables(tables) if tables else None
        if table is None or not table.num_rows:
            return _no_samples()
        self._left -= table.num_rows
        if self._left < 0:
            raise LimitError(
                "query processing would load too many samples into memory in query execution;"
                " narrow the selector or the range, or raise query.max-samples",
                "query.max-samples",
                422,
            )
        return _flatten(table, ids, labels)

    def _read(self, part: Part, ids: npt.NDArray[np.uint64], start_ns: int, end_ns: int) -> pa.Table:
        wanted = pa.array(ids)
        condition = pc.field("series").isin(wanted) & (pc.field("time") >= start_ns) & (pc.field("time") < end_ns)
        if part.table is not None:
            return part.table.select(_COLUMNS).filter(condition)
        return ds.dataset(str(part.path)).to_table(columns=_COLUMNS, filter=condition)


def _flatten(table: pa.Table, ids: npt.NDArray[np.uint64], labels: tuple[Labels, ...]) -> Samples:
    """Sorted by series and time; of samples of one series and time the one stored last counts."""
    owner = np.searchsorted(ids, table.column("series").to_numpy())
    times = table.column("time").to_numpy() // MS_NS
    order = np.lexsort((table.column("sequence").to_numpy(), times, owner))
    owner, times, values = owner[order], times[order], table.column("value").to_numpy()[order]
    last = np.ones(len(times), dtype=np.bool_)
    last[:-1] = (owner[1:] != owner[:-1]) | (times[1:] != times[:-1])
    owner, times, values = owner[last], times[last], values[last]
    counts = np.bincount(owner, minlength=len(ids))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Samples(labels, offsets, times.astype(np.int64), np.ascontiguousarray(values))


def _no_samples() -> Samples:
    return Samples((), np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))

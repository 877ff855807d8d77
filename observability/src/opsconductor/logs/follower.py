"""A live tail in a query worker: the newest entries first, then every entry as it is committed.

Spec: Loki HTTP API "Stream logs"; entries come in the order of commitment, sorted by time within what is held back.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import duckdb
import pyarrow as pa

from opsconductor.logql.execute import run
from opsconductor.logql.follow import Follower
from opsconductor.logql.parser import parse
from opsconductor.logql.request import Budget, QueryParams
from opsconductor.logql.result import Entry, StreamResult, Streams
from opsconductor.logql.syntax import LogQuery
from opsconductor.logs.parameters import SECOND, TailQuery
from opsconductor.model.errors import InputError
from opsconductor.storage.reader import Reader, Snapshot

ROWS_A_POLL: Final = 20_000
MESSAGE_BYTES: Final = 1 << 20
DROPPED_SHOWN: Final = 1000
"""How many dropped entries a message names at most."""

FUTURE_NS: Final = 600 * SECOND
"""How far ahead of the clock the first entries may lie."""

Dropped = list[tuple[int, dict[str, str]]]


@dataclass(frozen=True)
class _Held:
    """What may be sent from `due` (time.monotonic()) on."""

    due: float
    streams: list[StreamResult]


class TailSession:
    """One tail of one tenant. Not thread-safe; calls may come from different threads, one after the other."""

    def __init__(self, reader: Reader, tenant: str, asked: TailQuery) -> None:
        expression = parse(asked.query)
        if not isinstance(expression, LogQuery):
            raise InputError('cannot tail a metric query: give a log query, such as {service="auth"}')
        self._reader, self._tenant, self._asked = reader, tenant, asked
        self._expression = expression
        self._follower = Follower(expression)
        self._labels: dict[int, str] = {}
        self._sequence = 0
        self._held: list[_Held] = []

    def open(self, connection: duckdb.DuckDBPyConnection, budget: Budget) -> list[StreamResult]:
        """The newest entries since the asked start, at most `limit`; poll() goes on after them."""
        params = QueryParams(self._asked.start, time.time_ns() + FUTURE_NS, limit=self._asked.limit)
        with self._reader.snapshot(self._tenant) as snapshot:
            self._sequence = snapshot.last_sequence
            result = run(snapshot, self._expression, params, connection, budget)
        assert isinstance(result, Streams)  # noqa: S101 - a log query answers streams
        return [replace(one, entries=one.entries[::-1]) for one in result.streams]

    def has_news(self) -> bool:
        """Whether poll() may find something; cheap."""
        return self._reader.last_sequence() > self._sequence or bool(self._held)

    def poll(self) -> list[StreamResult]:
        """Entries committed since the last call that pass the query, once they were held back long enough."""
        streams = self._read() if self._reader.last_sequence() > self._sequence else []
        if not self._asked.delay_s:
            return streams
        now = time.monotonic()
        if streams:
            self._held.append(_Held(now + self._asked.delay_s, streams))
        due = [one for held in self._held if held.due <= now for one in held.streams]
        self._held = [held for held in self._held if held.due > now]
        return _merge(due)

    def _read(self) -> list[StreamResult]:
        with self._reader.snapshot(self._tenant) as snapshot:
            rows = snapshot.read_after(self._sequence)
            if rows is None:
                self._sequence = snapshot.last_sequence
                return []
            if rows.num_rows > ROWS_A_POLL:
                rows = rows.slice(0, ROWS_A_POLL)
                self._sequence = rows.column("sequence")[-1].as_py()
            else:
                self._sequence = snapshot.last_sequence
            self._learn(snapshot, rows)
        return self._follower.apply(rows, self._labels)

    def _learn(self, snapshot: Snapshot, rows: pa.Table) -> None:
        """Read the label texts of series that were not seen before."""
        unknown = set(rows.column("series").unique().to_pylist()) - self._labels.keys()
        if not unknown:
            return
        times = rows.column("time").combine_chunks().to_numpy()
        known = snapshot.list_series(int(times.min()), int(times.max()) + 1)
        pairs = zip(known.column("series").to_pylist(), known.column("labels").to_pylist(), strict=True)
        self._labels.update((number, text) for number, text in pairs if number in unknown)


def _merge(streams: list[StreamResult]) -> list[StreamResult]:
    """One result a label set, its entries ascending in time."""
    merged: dict[tuple[tuple[str, str], ...], StreamResult] = {}
    for one in streams:
        key = tuple(sorted(one.labels.items()))
        if key in merged:
            merged[key].entries.extend(one.entries)
        else:
            merged[key] = replace(one, entries=list(one.entries))
    for one in merged.values():
        one.entries.sort(key=lambda entry: entry.time_ns)
    return list(merged.values())


def split_streams(streams: list[StreamResult], size: int = MESSAGE_BYTES) -> Iterator[list[StreamResult]]:
    """The same entries in messages of about `size` bytes of lines; at least one entry each."""
    message: list[StreamResult] = []
    used = 0
    for one in streams:
        entries: list[Entry] = []
        for entry in one.entries:
            if used and used + len(entry.line) > size:
                if entries:
                    message.append(replace(one, entries=entries))
                yield message
                message, entries, used = [], [], 0
            entries.append(entry)
            used += len(entry.line) or 1
        if entries:
            message.append(replace(one, entries=entries))
    if message:
        yield message


def list_dropped(streams: list[StreamResult], room: int) -> Dropped:
    """(time, labels) of the first `room` entries."""
    found = [(entry.time_ns, one.labels) for one in streams for entry in one.entries[: max(room, 0)]]
    return found[: max(room, 0)]

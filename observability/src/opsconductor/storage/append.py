"""What a writer is given: rows, their series and where they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from opsconductor.model.errors import OpsConductorError


@dataclass(frozen=True)
class SourceRange:
    """Bytes [start, end) of a source (a file of a collector) that an append stems from.

    gap: the bytes between the committed end and start are lost (truncated or deleted), so start may lie beyond it.
    """

    id: str
    start: int
    end: int
    gap: bool = False


@dataclass(frozen=True)
class Append:
    """Rows of one tenant, committed as a whole or not at all.

    rows: a RecordBatch of the table's columns, in any order of time; may be empty where sources are given (all
    lines of a range were dropped by stages).
    series: (id, canonical labels) of each series in rows; more do no harm.
    sources: without them the rows are compared with what is stored and exact duplicates are dropped.
    """

    tenant: str
    rows: pa.RecordBatch
    series: Sequence[tuple[int, str]]
    sources: tuple[SourceRange, ...] = ()


class SourceConflict(OpsConductorError):  # noqa: N818 - an answer of the protocol (HTTP 409) rather than a failure
    """The ranges neither continue what is committed nor are wholly committed; nothing was stored. Maps to HTTP 409.

    committed: the committed end of each source of the append that is known.
    """

    def __init__(self, committed: Mapping[str, int]) -> None:
        ends = ", ".join(f"{name} at {end}" for name, end in committed.items())
        super().__init__(
            f"cannot store source ranges: they do not continue what is committed ({ends}); send from there"
        )
        self.committed = dict(committed)

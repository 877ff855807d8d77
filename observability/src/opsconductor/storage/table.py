"""What a signal stores: the columns of its rows and how they are ordered and compared."""

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

TIME, SERIES, SEQUENCE = "time", "series", "sequence"
_REQUIRED = {TIME: pa.int64(), SERIES: pa.uint64()}


@dataclass(frozen=True)
class TableSpec:
    """The table of one signal; one data folder holds one table.

    columns: a pyarrow schema that contains time int64 (ns since 1970, UTC) and series uint64; the engine adds
    sequence uint64, unique and ascending in the order of commitment.
    bucket_ns: rows of a segment are sorted by (time // bucket_ns, series, time, sequence).
    identity: the columns in which an exact duplicate equals its original; empty means that rows are never compared.
    plain: columns of mostly distinct long values (lines), for which a Parquet dictionary is a waste.
    Raises ValueError where columns break these rules.
    """

    name: str
    columns: pa.Schema
    bucket_ns: int
    identity: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in _REQUIRED.items():
            if name not in self.columns.names or self.columns.field(name).type != kind:
                raise ValueError(f"cannot define table {self.name}: it needs a column {name} of type {kind}")
        if SEQUENCE in self.columns.names:
            raise ValueError(f"cannot define table {self.name}: the engine adds the column {SEQUENCE} itself")
        if self.bucket_ns <= 0:
            raise ValueError(f"cannot define table {self.name}: bucket_ns must be positive")
        missing = {*self.identity, *self.plain} - set(self.columns.names)
        if missing or (self.identity and not _REQUIRED.keys() <= set(self.identity)):
            raise ValueError(
                f"cannot define table {self.name}: identity and plain name its columns; identity has "
                f"time and series among them"
            )

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns as read: those of `columns`, then sequence uint64."""
        return self.columns.append(pa.field(SEQUENCE, pa.uint64()))

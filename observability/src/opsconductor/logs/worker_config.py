"""What a query worker of the logs role is told at its start."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkerConfig:
    """Times in ns, sizes in bytes. data: the storage folder; memory_bytes: DuckDB's limit.

    threads: queries at the same time.
    """

    data: str
    threads: int
    memory_bytes: int
    max_entries: int
    max_series: int
    max_length_ns: int

"""What a query worker of the traces role is told at its start."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkerConfig:
    """data: the storage folder; threads: queries at the same time; memory_bytes: DuckDB's limit."""

    data: str
    threads: int
    memory_bytes: int

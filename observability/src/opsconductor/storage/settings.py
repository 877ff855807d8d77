"""Settings of the storage engine: name, default, help, and the original's name where there is one."""

from dataclasses import dataclass, field, fields
from typing import Any

SECOND_NS = 1_000_000_000
MIB = 1024 * 1024


def _setting(default: int, text: str, original: str = "") -> Any:  # Any: a dataclass field stands for its value
    return field(default=default, metadata={"help": text, "original": original})


@dataclass(frozen=True)
class StorageSettings:
    """One value a setting; durations in ns, sizes in bytes. describe_settings() lists them with their help."""

    retention_ns: int = _setting(
        30 * 86_400 * SECOND_NS,
        "Segments whose newest row is older than this are deleted; 0 keeps everything.",
        "limits_config.retention_period",
    )
    flush_interval_ns: int = _setting(
        900 * SECOND_NS,
        "Rows go from the write-ahead log into segments at the latest after this time.",
        "ingester.max_chunk_age",
    )
    flush_rows: int = _setting(262_144, "Rows that make the compactor write segments at once; bounds its memory.")
    flush_bytes: int = _setting(64 * MIB, "Bytes of write-ahead log that make the compactor write segments at once.")
    row_group_rows: int = _setting(32_768, "Rows of a Parquet row group.")
    wal_file_bytes: int = _setting(64 * MIB, "Size at which the write-ahead log starts a new file.")
    max_backlog_bytes: int = _setting(
        1024 * MIB,
        "Write-ahead log that waits for the compactor; beyond it writes are refused with 429.",
        "ingester.wal.replay_memory_ceiling",
    )
    max_queued_bytes: int = _setting(
        64 * MIB, "Appends in memory that wait for the disk; beyond it writes are refused with 429."
    )
    disk_reserve_bytes: int = _setting(
        512 * MIB,
        "Free space below which writes are refused with 503; queries go on and compaction may use it.",
        "ingester.wal.disk_full_threshold",
    )
    source_ttl_ns: int = _setting(
        7 * 86_400 * SECOND_NS, "The committed end of a source that was silent for longer is forgotten."
    )
    lease_ttl_ns: int = _setting(
        3_600 * SECOND_NS, "A snapshot older than this no longer protects removed files; no query may run longer."
    )
    compactor_interval_ns: int = _setting(SECOND_NS, "How often an idle compactor looks for work.")


@dataclass(frozen=True)
class SettingHelp:
    """One line of the settings table; original is the name in the original's configuration file, or empty."""

    name: str
    default: int
    help: str
    original: str


def describe_settings() -> tuple[SettingHelp, ...]:
    """The table of settings, in the order of definition."""
    defaults = StorageSettings()
    return tuple(
        SettingHelp(item.name, getattr(defaults, item.name), item.metadata["help"], item.metadata["original"])
        for item in fields(StorageSettings)
    )

"""Where things lie in a data folder, and what their names mean."""

import re
from pathlib import Path
from urllib.parse import quote

DAY_NS = 86_400_000_000_000
DEFAULT_CLASS = "default"
_WAL_NAME = re.compile(r"(\d{20})\.wal")
_MANIFEST_NAME = re.compile(r"(\d{20})\.json")


def wal_directory(data: Path) -> Path:
    """Folder of the write-ahead log."""
    return data / "wal"


def wal_path(data: Path, first: int) -> Path:
    """The WAL file whose first frame has sequence `first`."""
    return wal_directory(data) / f"{first:020d}.wal"


def list_wal_files(data: Path) -> list[int]:
    """First sequences of the WAL files, ascending; file i holds the sequences before file i+1's first."""
    return _numbers(wal_directory(data), _WAL_NAME)


def committed_path(data: Path) -> Path:
    """The mapped file with the committed position."""
    return wal_directory(data) / "committed"


def manifest_directory(data: Path) -> Path:
    """Folder of the manifest's versions."""
    return data / "manifest"


def manifest_path(data: Path, version: int) -> Path:
    """The file of one manifest version."""
    return manifest_directory(data) / f"{version:020d}.json"


def list_manifests(data: Path) -> list[int]:
    """Versions on disk, ascending."""
    return _numbers(manifest_directory(data), _MANIFEST_NAME)


def segments_directory(data: Path) -> Path:
    """Folder of the segments."""
    return data / "segments"


def leases_directory(data: Path) -> Path:
    """Folder of the leases."""
    return data / "leases"


def quarantine_directory(data: Path) -> Path:
    """Folder of damaged bytes, kept for a person to look at."""
    return data / "quarantine"


def segment_name(tenant: str, retention_class: str, day: str, first: int, last: int) -> str:
    """A segment's path relative to the data folder; the tenant is percent-encoded."""
    safe = quote(tenant, safe="").replace(".", "%2E")
    return f"segments/{safe}/{retention_class}/{day}/{first:020d}-{last:020d}.parquet"


def sidecar_name(segment: str) -> str:
    """The path of the series table that lies beside a segment."""
    return segment.removesuffix(".parquet") + ".series.parquet"


def _numbers(directory: Path, pattern: re.Pattern[str]) -> list[int]:
    try:
        names = [entry.name for entry in directory.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))

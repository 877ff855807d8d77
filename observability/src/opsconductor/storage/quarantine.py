"""Damaged bytes of the write-ahead log are copied aside and reported, once each."""

import logging
from pathlib import Path

from opsconductor.storage.disk import make_directory, write_file
from opsconductor.storage.layout import quarantine_directory, wal_path

log = logging.getLogger(__name__)


def quarantine_bytes(data: Path, first: int, start: int, content: bytes) -> Path:
    """Keep bytes from offset `start` of the WAL file `first` in <data>/quarantine; logs an error the first time."""
    name = f"{wal_path(data, first).stem}-{start}-{len(content)}.bin"
    path = quarantine_directory(data) / name
    if path.exists():
        return path
    make_directory(path.parent)
    write_file(path, content)
    log.error(
        "cannot read part of the write-ahead log: its checksum is wrong; the rows in it are lost, the rest is kept",
        extra={"file": str(wal_path(data, first)), "offset": start, "bytes": len(content), "copy": str(path)},
    )
    return path

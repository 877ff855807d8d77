"""The compactor process: write-ahead log into segments, retention, unlinking; a child of the writer at nice 10."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opsconductor.model.errors import UnavailableError
from opsconductor.serving.children import begin_child, watch_parent
from opsconductor.storage.compactor import Compactor
from opsconductor.storage.settings import StorageSettings
from opsconductor.traces.table import SPANS
from opsconductor_telemetry import configure, get_logger

NICE: Final = 10
IDLE_S: Final = 10.0
"""Without work for so long it ends; the writer starts it again when there is some."""

GRACE_S: Final = 1.0
"""Time for the step under way once the writer is gone; after it the process ends where it is, which loses nothing."""

log = get_logger(__name__)


@dataclass(frozen=True)
class CompactorConfig:
    """data: the storage folder; retention_ns: age at which spans are deleted, 0 = never."""

    data: str
    retention_ns: int


def main() -> None:
    """Compact until nothing is left to do, or the writer is gone."""
    configure("traces")
    channel, fields = begin_child(NICE)
    config = CompactorConfig(**fields)
    stop = threading.Event()
    watch_parent(channel, stop, GRACE_S)
    try:
        compactor = Compactor(Path(config.data), SPANS, StorageSettings(retention_ns=config.retention_ns))
    except UnavailableError as error:  # one of a writer that was killed is still ending
        log.warning("compactor not started", reason=str(error))
        return
    with compactor:
        compactor.run(stop, IDLE_S)


if __name__ == "__main__":
    main()

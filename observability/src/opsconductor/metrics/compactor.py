"""The compactor process of the metrics role: samples and exemplars, a child of the writer at nice 10."""

import threading
from dataclasses import dataclass
from pathlib import Path

from opsconductor.metrics.table import EXEMPLARS, SAMPLES
from opsconductor.model.errors import UnavailableError
from opsconductor.serving.children import begin_child, watch_parent
from opsconductor.storage.compactor import Compactor
from opsconductor.storage.settings import StorageSettings
from opsconductor_telemetry import configure, get_logger

NICE = 10
IDLE_S = 5.0
"""Without work for so long a store is left; the writer starts this process again when there is some."""
GRACE_S = 1.0

log = get_logger(__name__)


@dataclass(frozen=True)
class CompactorConfig:
    """samples, exemplars: the storage folders; retention_ns: age at which samples are deleted, 0 = never."""

    samples: str
    exemplars: str
    retention_ns: int


def main() -> None:
    """Compact one store after the other until nothing is left to do, or the writer is gone."""
    configure("metrics")
    channel, fields = begin_child(NICE)
    config = CompactorConfig(**fields)
    stop = threading.Event()
    watch_parent(channel, stop, GRACE_S)
    settings = StorageSettings(retention_ns=config.retention_ns)
    try:
        with (
            Compactor(Path(config.samples), SAMPLES, settings) as samples,
            Compactor(Path(config.exemplars), EXEMPLARS, settings) as exemplars,
        ):
            for compactor in (samples, exemplars):
                compactor.run(stop, IDLE_S)
    except UnavailableError as error:  # one of a writer that was killed is still ending
        log.warning("compactor not started", reason=str(error))


if __name__ == "__main__":
    main()

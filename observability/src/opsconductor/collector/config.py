"""What promtail.yml asks of the collector, as data. Units: seconds and bytes. `config_file` reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from opsconductor.collector.stages.pipeline import Pipeline


@dataclass(frozen=True)
class Client:
    """One store that lines are pushed to. Defaults are the original's, except max_retries: we never give up.

    key: names the client's folder of state: its `name`, or its place in the list.
    """

    key: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    tenant_id: str = ""
    batchwait: float = 1.0
    batchsize: int = 1_048_576
    username: str = ""
    password: str = field(default="", repr=False)
    min_period: float = 0.5
    max_period: float = 300.0
    timeout: float = 10.0
    external_labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def figure_labels(self) -> tuple[str, str]:
        """(host, client) of the client's figures."""
        return urlsplit(self.url).netloc, self.key


@dataclass(frozen=True)
class Target:
    """Files of one static config: `path` and `exclude` are globs of real paths, labels what every line gets.

    key: names the target in positions, "JOB/INDEX".
    """

    key: str
    job: str
    path: str
    labels: Mapping[str, str]
    pipeline: Pipeline
    exclude: str = ""


@dataclass(frozen=True)
class LineLimits:
    """limits_config: max_line_size in bytes (0 = only the built-in bound), truncate instead of drop."""

    max_line_size: int = 0
    max_line_size_truncate: bool = False


@dataclass(frozen=True)
class CollectorConfig:
    """The whole file. `positions` is the original's positions file, read once where we have no state of our own."""

    clients: tuple[Client, ...]
    targets: tuple[Target, ...]
    positions: Path
    limits: LineLimits = LineLimits()
    sync_period: float = 10.0
    log_level: str = "info"
    warnings: tuple[str, ...] = ()

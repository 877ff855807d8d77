"""What `opsconductor run ROLE` hands to a role's main()."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RoleOptions:
    """config: the original's configuration file; data: the role's folder; listen: (host, port) of its main port.

    config and data may be None: then the role reads its default file and the path that the file names.
    extra: further listeners by name, such as {"otlp-grpc": ("127.0.0.1", 4317)}.
    """

    config: Path | None
    data: Path | None
    listen: tuple[str, int]
    extra: dict[str, tuple[str, int]] = field(default_factory=dict)

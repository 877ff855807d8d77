"""Where a path of a configuration file lies: files name the originals' install paths (/loki, /etc/promtail …).

OPSCONDUCTOR_HOME, set by the supervisor, is the folder below which every absolute path of a configuration file is
found; without it (a role started by hand, a container) paths mean what they say.
"""

import os
from pathlib import Path

ENVIRONMENT = "OPSCONDUCTOR_HOME"


def map_path(path: str) -> Path:
    """The file that an absolute path of a configuration file stands for; relative paths are left alone."""
    home = os.environ.get(ENVIRONMENT)
    if not home or not path.startswith("/"):
        return Path(path)
    inside = Path(home) / path.lstrip("/")
    return Path(path) if Path(path).is_relative_to(home) else inside


def unmap_path(path: str | Path) -> str:
    """The inverse of map_path: what a file below the home is called in configuration and labels."""
    home = os.environ.get(ENVIRONMENT)
    if home and Path(path).is_relative_to(home):
        return "/" + str(Path(path).relative_to(home))
    return str(path)

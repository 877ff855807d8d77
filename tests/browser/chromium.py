"""The browser of the tests: Chromium from PATH, else the one from npm that install.py unpacked beside this file."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
UNPACKED = FOLDER / "unpacked"
AXE = FOLDER / "node_modules/axe-core/axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",  # tests may run as root, and only see pages of our own
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers give it 64 MB
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
MISSING = (
    f"none of {', '.join(NAMES)} is on PATH and `make install` did not unpack one from npm: "
    "install Chromium (Debian: chromium) or node 20 with npm, then run `make install`"
)


@dataclass(frozen=True)
class Browser:
    """A program and the variables that it needs beside those of this process."""

    path: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables}


def find_on_path() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def find_browser() -> Browser | None:
    """The browser to test with; None (see MISSING) when this machine has none."""
    path = find_on_path()
    if path:
        return Browser(path)
    return find_unpacked()


def find_unpacked() -> Browser | None:
    """The one from npm, with the libraries and fonts of its package, so that a bare machine will do."""
    program = UNPACKED / "chromium"
    if not program.is_file():
        return None
    libraries = [str(UNPACKED / "al2023/lib"), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    return Browser(
        str(program),
        {"LD_LIBRARY_PATH": os.pathsep.join(libraries), "FONTCONFIG_FILE": str(UNPACKED / "fonts.conf")},
    )

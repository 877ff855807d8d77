"""One running system for the acceptance tests that do not take it down."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.platform import Platform


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many browser tests were skipped, and why, so that nobody takes them for passed."""
    skipped = [one for one in terminalreporter.getreports("skipped") if "test_pages.py" in one.nodeid]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} browser tests were skipped: {skipped[0].longrepr[2]}")


@pytest.fixture(scope="session")
def long_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path has a space and more than 120 characters, as a user's may."""
    base = tmp_path_factory.mktemp("platform")
    folder = base / ("a path with spaces " + "x" * max(1, 130 - len(str(base))))
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def platform(long_folder: Path) -> Iterator[Platform]:
    """Both clusters, up; down at the end, whatever happened."""
    system = Platform(long_folder / "home")
    try:
        system.up()
        yield system
    finally:
        system.down()

"""For every test run: homes of its own, and a last check that no process it started survives."""

import ctypes
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_PR_SET_CHILD_SUBREAPER = 36
KEPT = ("OPSCONDUCTOR_CONFORMANCE", "OPSCONDUCTOR_TEST_")
"""Variables that are about the tests themselves."""


def pytest_configure() -> None:
    """Become the reaper of orphans, so that a detached process that outlives its test is still found."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for name in [name for name in os.environ if name.startswith("OPSCONDUCTOR_") and not name.startswith(KEPT)]:
        del os.environ[name]  # a running system's home and addresses are not the tests'


def _list_children(pid: int) -> list[tuple[int, str]]:
    children = []
    for task in Path("/proc").glob("[0-9]*"):
        try:
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            command = (task / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            children.append((int(task.name), command))
    return children


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a process that a test started is still there after a second."""
    deadline = time.monotonic() + 1.0
    while (left := _list_children(os.getpid())) and time.monotonic() < deadline:
        time.sleep(0.05)
    survivors = [f"process {pid} survives the tests: {command}" for pid, command in left]
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # one of several test processes: the first of them reports
        output["survivors"] = survivors
        return
    for survivor in survivors + _SURVIVORS:
        sys.stderr.write(f"\n{survivor}\n")
    if (survivors or _SURVIVORS) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_SURVIVORS: list[str] = []


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect what the test processes found (pytest-xdist)."""
    _SURVIVORS.extend(getattr(node, "workeroutput", {}).get("survivors", ()))


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The folder of test vectors from elsewhere; without it the tests that read them skip."""
    folder = os.environ.get("OPSCONDUCTOR_CONFORMANCE")
    if not folder or not Path(folder).is_dir():
        pytest.skip("OPSCONDUCTOR_CONFORMANCE names no folder of vectors")
    return Path(folder)


@pytest.fixture(autouse=True)
def _no_environment_leaks() -> Iterator[None]:
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        if name.startswith("OPSCONDUCTOR_"):
            del os.environ[name]

"""The web UI's own checks, types and unit tests, run with Node; without Node they skip."""

import shutil
import subprocess
from pathlib import Path

import pytest

UI = Path(__file__).parents[2] / "ui"

pytestmark = [
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not on PATH; put Node 20.19 or newer there"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def packages() -> None:
    """The UI's packages, as its lock file names them; there already where the UI was built here."""
    if not (UI / "node_modules" / "vitest").is_dir():
        run("ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", "--prefer-offline")


def run(*arguments: str) -> None:
    done = subprocess.run(["npm", *arguments], cwd=UI, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("script", ["check", "test"])
def test_script_passes(script: str) -> None:
    run("run", script)


def test_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (UI / "package-lock.json").read_text()

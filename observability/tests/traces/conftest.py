"""One role for the tests that leave it alive."""

import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from traces_role import TracesRole


@pytest.fixture(scope="session")
def role(tmp_path_factory):
    """One role for every test that leaves it alive; tests keep apart by service."""
    running = TracesRole(tmp_path_factory.mktemp("traces")).start()
    yield running
    running.kill()


@pytest.fixture
def service():
    return f"service-{uuid.uuid4().hex[:12]}"

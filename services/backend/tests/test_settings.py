"""Settings from the environment."""

import subprocess
import sys
from pathlib import Path

import pytest

from backend_service.errors import SettingError
from backend_service.settings import SETTINGS, load_settings


def test_defaults_stand_without_an_environment() -> None:
    settings = load_settings({}, "127.0.0.1:8002")
    assert (settings.host, settings.port) == ("127.0.0.1", 8002)
    assert settings.database_url == "postgresql+psycopg://opsconductor@postgres:5432/backend"
    assert settings.redis_password is None


def test_the_environment_counts(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("geheim\n")
    environment = {
        "LISTEN": "[::1]:9",
        "DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
        "RUN_LEASE_S": "2.5",
        "WORKER_RUNS": "7",
    }
    settings = load_settings(environment, "127.0.0.1:8002")
    assert (settings.host, settings.port) == ("::1", 9)
    assert (settings.database_password, settings.run_lease_s, settings.worker_runs) == ("geheim", 2.5, 7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN", "8000"),
        ("LISTEN", "host:99999"),
        ("DATABASE_URL", "sqlite:///x"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_PASSWORD_FILE", "/nowhere/password"),
        ("REDIS_URL", "http://redis"),
        ("AUTH_URL", "auth:8001"),
        ("RUN_LEASE_S", "nan"),
        ("RUN_LEASE_S", "soon"),
        ("WORKER_RUNS", "0"),
        ("WORKER_RUNS", "-1"),
        ("QUEUE_MAX_RUNS", "1e3"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"cannot use {name}="):
        load_settings({name: value}, "127.0.0.1:8000")


def test_every_setting_says_what_it_is_for() -> None:
    assert [setting.name for setting in SETTINGS if len(setting.help) < 10] == []


def test_a_bad_value_ends_the_process_with_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "backend_service.scheduler"],
        env={"RUN_LEASE_S": "soon"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "scheduler: cannot use RUN_LEASE_S='soon'" in done.stderr

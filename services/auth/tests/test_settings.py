import pytest

from auth_service.errors import SettingsError
from auth_service.settings import SETTINGS, read_settings

LEAST = {"ADMINISTRATOR_PASSWORD_FILE": "/secrets/administrator"}


def test_defaults_are_those_of_the_table() -> None:
    settings = read_settings(LEAST)
    assert settings.listen == ("127.0.0.1", 8001)
    assert settings.database_url == "postgresql+psycopg://opsconductor@postgres:5432/auth"
    assert settings.redis_url == "redis://redis:6379/0"
    assert (settings.access_token_s, settings.refresh_token_idle_s) == (900, 28800)
    assert (settings.login_rate_per_minute, settings.lock_out_failures, settings.lock_out_s) == (30, 10, 900)


def test_every_setting_is_explained() -> None:
    assert [setting.name for setting in SETTINGS if not setting.help] == []


def test_passwords_are_read_from_files(tmp_path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    settings = read_settings({**LEAST, "DATABASE_PASSWORD_FILE": str(tmp_path / "password")})
    assert settings.database_password == "s3cret"


def test_a_driver_is_added_to_a_plain_url() -> None:
    assert read_settings({**LEAST, "DATABASE_URL": "postgresql://a@b/c"}).database_url == "postgresql+psycopg://a@b/c"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN", "8001"),
        ("LISTEN", "127.0.0.1:http"),
        ("LISTEN", "127.0.0.1:70000"),
        ("DATABASE_URL", "mysql://postgres/auth"),
        ("DATABASE_URL", "postgresql+psycopg://opsconductor:hunter2@postgres/auth"),
        ("DATABASE_PASSWORD_FILE", "/nowhere/at/all"),
        ("REDIS_URL", "http://redis"),
        ("REDIS_URL", "redis://[::1"),
        ("ACCESS_TOKEN_S", "0"),
        ("LOCK_OUT_FAILURES", "ten"),
        ("ADMINISTRATOR_PASSWORD_FILE", ""),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^cannot .*{name}") as caught:
        read_settings({**LEAST, name: value})
    assert "hunter2" not in str(caught.value)

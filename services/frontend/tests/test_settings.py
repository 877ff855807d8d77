import pytest

from frontend_service.errors import SettingError
from frontend_service.settings import load_settings


def test_defaults_name_boxes_as_containers_do():
    settings = load_settings({})
    assert settings.listen == ("127.0.0.1", 3000)
    assert (settings.auth_url, settings.backend_url) == ("http://auth:8001", "http://backend:8000")


def test_values_are_read():
    settings = load_settings({"LISTEN": "[::1]:80", "BACKEND_URL": "https://b/", "PAGE_TIMEOUT_S": "0.5"})
    assert settings.listen == ("::1", 80)
    assert settings.backend_url == "https://b"
    assert settings.page_timeout_s == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN", "nowhere"),
        ("LISTEN", "127.0.0.1:70000"),
        ("PAGE_TIMEOUT_S", "600"),
        ("PAGE_TIMEOUT_S", "nan"),
        ("PAGE_TIMEOUT_S", "soon"),
        ("BACKEND_URL", "backend:8000"),
        ("MAX_FORM_BYTES", "²"),
        ("MAX_FORM_BYTES", "0"),
    ],
)
def test_a_wrong_value_is_named(name, value):
    with pytest.raises(SettingError, match=f"cannot use {name}="):
        load_settings({name: value})

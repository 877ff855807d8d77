import json

import pytest

from opsconductor_telemetry import TelemetryError, resolve_address, resolve_url

TABLE = {
    "auth:8001": "127.0.0.1:18001",
    "postgres:5432": "127.0.0.1:15432",
    "redis:6379": "[::1]:16379",
    "nginx:80": "127.0.0.1:18080",
}


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSCONDUCTOR_ADDRESSES", json.dumps(TABLE))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://auth:8001/api?x=1#y", "http://127.0.0.1:18001/api?x=1#y"),
        ("http://nginx/", "http://127.0.0.1:18080/"),
        ("https://nginx/", "https://nginx/"),
        ("http://other:8001/", "http://other:8001/"),
        ("postgresql+psycopg://user@postgres/auth", "postgresql+psycopg://user@127.0.0.1:15432/auth"),
        ("postgresql+psycopg://u:p%40@postgres:5432/a?x=1", "postgresql+psycopg://u:p%40@127.0.0.1:15432/a?x=1"),
        ("postgresql+psycopg://user@/auth?host=/run/pg", "postgresql+psycopg://user@/auth?host=/run/pg"),
        ("redis://redis/0", "redis://[::1]:16379/0"),
        ("unknown://postgres", "unknown://postgres"),
        ("", ""),
    ],
)
def test_a_boxs_name_becomes_its_address(url: str, expected: str) -> None:
    assert resolve_url(url) == expected


def test_an_address_is_a_pair() -> None:
    assert resolve_address("auth", 8001) == ("127.0.0.1", 18001)
    assert resolve_address("redis", 6379) == ("::1", 16379)
    assert resolve_address("auth", 1) == ("auth", 1)


def test_without_a_table_names_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPSCONDUCTOR_ADDRESSES")
    assert resolve_url("http://auth:8001/") == "http://auth:8001/"


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"auth:8001": "nowhere"}', '{"auth:8001": "127.0.0.1:99999"}', '{"a:1": 5}']
)
def test_a_broken_table_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("OPSCONDUCTOR_ADDRESSES", text)
    with pytest.raises(TelemetryError, match=r"^cannot read OPSCONDUCTOR_ADDRESSES"):
        resolve_address("auth", 8001)

"""The forms of a target's address."""

import pytest
from pydantic import ValidationError

from backend_service.schemas.targets import TargetBody

GOOD = [
    ("http", "http://auth:8001"),
    ("http", "https://example.com/base/path"),
    ("http", "http://[::1]:80"),
    ("tcp", "redis:6379"),
    ("tcp", "[fe80::1]:22"),
    ("host", "box-1.example.com"),
    ("host", "10.0.0.1"),
]
BAD = [
    ("http", "auth:8001"),
    ("http", "ftp://auth"),
    ("http", "http://"),
    ("http", "http://user:password@auth"),
    ("http", "http://auth:0"),
    ("http", "http://auth:99999"),
    ("http", "http://auth/?query"),
    ("http", "http://auth/a b"),
    ("http", "http://auth\n"),
    ("http", "http://[::1"),
    ("tcp", "redis"),
    ("tcp", "redis:0"),
    ("tcp", "redis:65536"),
    ("tcp", "http://redis:1"),
    ("tcp", "a b:1"),
    ("host", "redis:6379"),
    ("host", "-x"),
    ("host", "a/b"),
    ("host", ""),
]


@pytest.mark.parametrize(("kind", "address"), GOOD)
def test_good_addresses(kind: str, address: str) -> None:
    assert TargetBody.model_validate({"name": "t", "kind": kind, "address": address}).address == address


@pytest.mark.parametrize(("kind", "address"), BAD)
def test_bad_addresses(kind: str, address: str) -> None:
    with pytest.raises(ValidationError, match="address"):
        TargetBody.model_validate({"name": "t", "kind": kind, "address": address})


@pytest.mark.parametrize("name", ["", " ", " x", "x\n", "x" * 201, "a\x00b", "\ud800"])
def test_bad_names(name: str) -> None:
    with pytest.raises(ValidationError):
        TargetBody.model_validate({"name": name, "kind": "host", "address": "a"})


@pytest.mark.parametrize(
    "labels", [{"": "x"}, {"1a": "x"}, {"a": "\x00"}, {"a": 1}, {f"a{i}": "" for i in range(33)}]
)
def test_bad_labels(labels: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TargetBody.model_validate({"name": "t", "kind": "host", "address": "a", "labels": labels})

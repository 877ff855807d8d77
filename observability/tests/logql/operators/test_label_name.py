"""Names of labels from keys."""

import pytest

from opsconductor.logql.operators.label_name import join_keys, sanitize_key


@pytest.mark.parametrize(
    ("key", "name"), [("a.b-c", "a_b_c"), ("9a", "_9a"), (" a ", "a"), (" ", ""), ("é", "_"), ("x" * 500, "x" * 500)]
)
def test_sanitize(key: str, name: str) -> None:
    assert sanitize_key(key) == name


@pytest.mark.parametrize(
    ("prefix", "key", "name"),
    [("", "9a", "_9a"), ("p", "9a", "p_9a"), ("p", " ", "p"), ("", " ", ""), ("p", "é" * 200, "p_" + "_" * 200)],
)
def test_join(prefix: str, key: str, name: str) -> None:
    assert join_keys(prefix, key) == name

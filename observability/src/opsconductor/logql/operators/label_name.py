"""What a key of a line is called as a label."""

import re
from functools import lru_cache

_BAD = re.compile(r"[^a-zA-Z0-9_]")


_LONG = 128
"""Keys longer than this are not remembered, so that odd lines cannot fill the memory."""


def sanitize_key(key: str) -> str:
    """The key with everything but letters, digits and underscores replaced by underscores, never digit first.

    Spec: Loki's sanitizeLabelKey.
    """
    return _remember_key(key) if len(key) <= _LONG else _sanitize(key)


def _sanitize(key: str) -> str:
    key = key.strip()
    name = _BAD.sub("_", key)
    return "_" + name if key[:1].isdecimal() and key[:1].isascii() else name


def join_keys(prefix: str, key: str) -> str:
    """The name of a key below a prefix that is sanitised already; a blank key adds nothing."""
    return _remember_name(prefix, key) if len(prefix) + len(key) <= _LONG else _join(prefix, key)


def _join(prefix: str, key: str) -> str:
    if not prefix:
        return sanitize_key(key)
    key = key.strip()
    return f"{prefix}_{_BAD.sub('_', key)}" if key else prefix


_remember_key = lru_cache(maxsize=65_536)(_sanitize)
_remember_name = lru_cache(maxsize=65_536)(_join)

"""What a key of a line is called as a label."""

import re
from functools import lru_cache

_BAD = re.compile(r"[^a-zA-Z0-9_]")


@lru_cache(maxsize=65_536)
def sanitize_key(key: str) -> str:
    """The key with everything but letters, digits and underscores replaced by underscores, never digit first.

    Spec: Loki's sanitizeLabelKey.
    """
    key = key.strip()
    name = _BAD.sub("_", key)
    return "_" + name if key[:1].isdecimal() and key[:1].isascii() else name


@lru_cache(maxsize=65_536)
def join_keys(prefix: str, key: str) -> str:
    """The name of a key below a prefix that is sanitised already; a blank key adds nothing."""
    if not prefix:
        return sanitize_key(key)
    key = key.strip()
    return f"{prefix}_{_BAD.sub('_', key)}" if key else prefix

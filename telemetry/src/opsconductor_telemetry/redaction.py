"""Secrets out of log fields and texts, before anything is serialised.

A field whose name says that it holds a secret loses its value, at any depth; in texts (messages, URLs, stack
traces) the password of a URL, secret query parameters and assignments, bearer tokens and JSON Web Tokens go.
The lists follow Sentry's and Logfire's default scrubbers. Every pattern is linear in the length of the text.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice

REDACTED = "[redacted]"
MAX_DEPTH = 6
MAX_NODES = 1000
"""Values of one line that are looked at; a bigger structure is cut there."""

MAX_CHARACTERS = 128 * 1024
"""Characters of one line's texts that are looked at: twice what a line can hold."""

_WORDS = r"authorization|cookie|passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key|credential"
_SECRET_KEY = re.compile(rf"{_WORDS}|(?:^|[^a-z])(?:dsn|pwd|jwt|csrf|xsrf)(?:$|[^a-z])", re.IGNORECASE)
_HASHES = r"\$(?:argon2\w{1,2}|2[aby]|scrypt)\$"
_NAMED = rf"(?:{_WORDS}|\bdsn|\bpwd|\bjwt)[\w-]{{0,40}}"
_KEYS = tuple(f"{which}{dash}key" for which in ("api", "access", "private") for dash in ("", "_", "-"))
_NAMES = (
    "authorization",
    "cookie",
    "passw",
    "passphrase",
    "secret",
    "token",
    "credential",
    "dsn",
    "pwd",
    "jwt",
    *_KEYS,
)
# What a text must hold, casefolded, for patterns to be worth their time, and these with what replaces their matches.
# Searching plain words is far faster than searching a pattern of alternatives.
_SUBSTITUTIONS = (
    # scheme://user:password@host
    (("://",), ((re.compile(r"://[^/\s?#\"'<>]*@"), f"://{REDACTED}@"),)),
    # Authorization values: a digit or "=" tells them from words
    (
        ("bearer ", "basic "),
        (
            (
                re.compile(r"\b(bearer|basic) +(?=[A-Za-z._~+/-]{0,64}[0-9=])[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
                rf"\1 {REDACTED}",
            ),
        ),
    ),
    (
        _NAMES,
        (
            # "password": "…" of JSON, 'password': '…' of Python, escaped or not
            (
                re.compile(rf"({_NAMED}\\?[\"']\s{{0,3}}:\s{{0,3}}\\?[\"'])[^\"'\\]*", re.IGNORECASE),
                rf"\1{REDACTED}",
            ),
            # password=… of query strings, forms and connection strings
            (
                re.compile(rf"({_NAMED}\s{{0,3}}=\s{{0,3}})(?:\"[^\"]*|'[^']*|[^\s&;,)\"']+)", re.IGNORECASE),
                rf"\1{REDACTED}",
            ),
        ),
    ),
    # hashes of passwords
    (("$argon2", "$scrypt$", "$2"), ((re.compile(rf"{_HASHES}[^\s)\"']+"), REDACTED),)),
    # JSON Web Tokens
    (("eyj",), ((re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), REDACTED),)),
)


@lru_cache(maxsize=1024)
def is_secret_key(name: str) -> bool:
    """Whether a field of this name holds a secret: `password`, `X-Api-Key`, `user.accessToken`, `DATABASE_DSN` …"""
    return _SECRET_KEY.search(name) is not None


def redact_text(text: str) -> str:
    """The text, at most MAX_CHARACTERS of it, without the secrets that can be told by their form."""
    text = text[:MAX_CHARACTERS]
    folded = text.casefold()
    for words, substitutions in _SUBSTITUTIONS:
        for word in words:
            if word in folded:
                for pattern, replacement in substitutions:
                    text = pattern.sub(replacement, text)
                break
    return text


def redact_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """A copy for serialising: secrets replaced, keys made text, depth and size bounded."""
    return _Walk().copy_mapping(fields, 0)


class _Walk:
    """One pass over one line's fields; counts what it has seen."""

    def __init__(self) -> None:
        self.left = MAX_NODES
        self.characters = MAX_CHARACTERS

    def copy_mapping(self, mapping: Mapping[object, object] | Mapping[str, object], depth: int) -> dict[str, object]:
        return {
            name: REDACTED if value is not None and is_secret_key(name) else self.copy(value, depth + 1)
            for name, value in ((str(key), value) for key, value in islice(mapping.items(), max(self.left, 0)))
        }

    def copy(self, value: object, depth: int) -> object:
        self.left -= 1
        if isinstance(value, str):
            return self.copy_text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth >= MAX_DEPTH or self.left <= 0:
            return "…"
        if isinstance(value, Mapping):
            return self.copy_mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return [self.copy(item, depth + 1) for item in islice(value, max(self.left, 0))]
        return self.copy_text(str(value))

    def copy_text(self, text: str) -> str:
        cut = text[: self.characters]
        self.characters -= len(cut)
        return redact_text(cut) if len(cut) == len(text) else redact_text(cut) + "…"

"""Label sets: the text form {a="b", c="d"}, its canonical order and its 64-bit id."""

import hashlib
import re
from collections.abc import Mapping

from opsconductor.model.errors import InputError

Labels = tuple[tuple[str, str], ...]
"""Sorted (name, value) pairs; hashable, so that a parsed text can be cached."""

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PAIR = re.compile(r'\s*("?)([a-zA-Z_][a-zA-Z0-9_]*)\1\s*=\s*("(?:[^"\\]|\\.)*"|`[^`]*`)\s*')
_ESCAPE = re.compile(r'\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|[abfnrtv\\"\'])')
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def unquote(text: str) -> str:
    """The value of a Go string literal, "double quoted" or `raw`. Raises InputError on an unknown escape."""
    if text.startswith("`"):
        return text[1:-1]
    body = text[1:-1]
    if "\\" not in body:
        return body
    if _ESCAPE.sub("", body).count("\\"):
        raise InputError(f"cannot read string {text}: unknown escape; write \\\\ for a backslash")
    return _ESCAPE.sub(_unescape, body)


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1)
    if code[0] in "xuU":
        return chr(int(code[1:], 16))
    if code.isdigit():
        return chr(int(code, 8))
    return _SIMPLE.get(code, code)


def quote(value: str) -> str:
    """A Go string literal of the value, as Loki and Prometheus print label values."""
    out = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"' + out.replace("\t", "\\t") + '"'


def parse_labels(text: str) -> Labels:
    """Sorted pairs of {a="b", "c"="d"}; empty values are dropped, as an absent label equals an empty one.

    Raises InputError with the position. Spec: Loki push API, Prometheus text format.
    """
    body = text.strip()
    if not (body.startswith("{") and body.endswith("}")):
        raise InputError(f'cannot read labels {text!r}: they must look like {{name="value", …}}')
    pairs: dict[str, str] = {}
    at, end = 1, len(body) - 1
    while at < end and body[at:end].strip():
        match = _PAIR.match(body, at, end)
        if match is None:
            raise InputError(f'cannot read labels {text!r}: expected name="value" at position {at}')
        name = match.group(2)
        if name in pairs:
            raise InputError(f"cannot read labels {text!r}: label {name} appears twice")
        pairs[name] = unquote(match.group(3))
        at = match.end()
        if at < end:
            if body[at] != ",":
                raise InputError(f"cannot read labels {text!r}: expected a comma at position {at}")
            at += 1
    return sort_labels(pairs)


def sort_labels(labels: Mapping[str, str]) -> Labels:
    """Sorted pairs without empty values."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def format_labels(labels: Labels) -> str:
    """The canonical text {a="b", c="d"}."""
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in labels) + "}"


def is_label_name(name: str) -> bool:
    """Whether the name may be a label's: a letter or underscore, then letters, digits, underscores."""
    return _NAME.fullmatch(name) is not None


def identify_labels(canonical: str) -> int:
    """The 64-bit id of a canonical label text: its BLAKE2b-64, the same on every machine and start."""
    return int.from_bytes(hashlib.blake2b(canonical.encode(), digest_size=8).digest(), "little")

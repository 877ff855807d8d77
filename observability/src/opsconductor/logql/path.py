"""Where a value lies in a line: the sources of | json label="a.b[0]" and | logfmt label="key"."""

import re

from opsconductor.model.errors import InputError

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_INDEX = re.compile(r"\[\s*(?:(\d+)|\"((?:[^\"\\]|\\.)*)\")\s*\]")
_KEY = re.compile(r"\w+")


def read_json_path(source: str) -> tuple[str | int, ...]:
    """Keys and array indexes of a JSON path such as servers[0], request.headers["User-Agent"]. Raises InputError.

    Spec: Loki's jsonexpr.
    """
    path: list[str | int] = []
    at = 0
    while at < len(source):
        index = _INDEX.match(source, at)
        if index is not None:
            number, key = index.groups()
            path.append(int(number) if number is not None else key.replace('\\"', '"'))
            at = index.end()
            continue
        dotted = path != [] and source[at] == "."
        name = _FIELD.match(source, at + dotted) if dotted or not path else None
        if name is None:
            break
        path.append(name.group())
        at = name.end()
    if at < len(source) or not path:
        rest = source[at:]
        found = f"unexpected {rest[0]}" if rest else "unexpected $end, expecting STRING or INDEX"
        raise InputError(f"cannot parse expression [{source}]: syntax error: {found}")
    return tuple(path)


def read_logfmt_key(source: str) -> tuple[str]:
    """The one key of a logfmt source. Raises InputError. Spec: Loki's logfmt expressions."""
    if _KEY.fullmatch(source) is None:
        bad = next((char for char in source if not (char.isalnum() or char == "_")), "$end")
        raise InputError(f"cannot parse expression [{source}]: unexpected char {bad}")
    return (source,)

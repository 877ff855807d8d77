"""A forgiving JSON scanner, for lines that are not quite JSON and for the raw text of a value.

It reads only as far as needed and accepts what its model accepts (text after the object, a comma before a brace, bare
numbers of any form), so that the same lines give the same labels and errors. Spec: buger/jsonparser, as used by Loki.
"""

import re
from collections.abc import Iterator, Mapping

from opsconductor.model.errors import InputError

_SPACE = re.compile(r"[ \n\r\t]*")
_TOKEN_END = re.compile(r"[ \n\r\t,}\]]")
_STRING_END = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|u([0-9a-f]{4})|(.))", re.DOTALL | re.IGNORECASE
)
_SIMPLE = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_OBJECT, _ARRAY = re.compile(r'["{}]'), re.compile(r'["\[\]]')

MALFORMED = "Malformed JSON error"
NO_STRING_END = "Value is string, but can't find closing '\"' symbol"
NO_ARRAY_END = "Value is array, but can't find closing ']' symbol"
NO_OBJECT_END = "Value looks like object, but can't find closing '}' symbol"
NO_VALUE_END = "Value looks like Number/Boolean/None, but can't find its end: ',' or '}' symbol"
UNKNOWN_VALUE = "Unknown value type"
BAD_ESCAPE = "Encountered an invalid escape sequence in a string"


class ScanError(InputError):
    """The text is not JSON as far as it had to be read."""


def find_object_ends(text: str) -> dict[int, int]:
    """Where each object of the text ends, by where it starts, found in one pass.

    Without it a scan of nested objects would look for the end of the innermost once for each one around it.
    """
    ends: dict[int, int] = {}
    open_at: list[int] = []
    at = 0
    while match := _OBJECT.search(text, at):
        start, at = match.start(), match.end()
        if match.group() == "{":
            open_at.append(start)
        elif match.group() == '"':
            string = _STRING_END.match(text, at)
            if string is None:
                return ends
            at = string.end()
        elif open_at:
            ends[open_at.pop()] = at
    return ends


def scan_object(text: str, at: int, ends: Mapping[int, int]) -> Iterator[tuple[str, str, int, int]]:
    """(key, kind, start, end) of each value of the object at `at`; `ends` are those of the text's objects.

    kind is one of string, number, boolean, null, array and object.
    Raises ScanError where the text cannot be read on; what was yielded before stands.
    """
    at = _skip(text, at)
    if at == len(text) or text[at] != "{":
        raise ScanError(NO_OBJECT_END)
    at = _expect_more(text, at + 1, MALFORMED)
    while text[at] != "}":
        if text[at] != '"':
            raise ScanError(NO_OBJECT_END)
        end = _string_end(text, at, MALFORMED)
        key = text[at + 1 : end - 1]
        if "\\" in key:
            unescaped = unescape(key)
            if unescaped is None:
                raise ScanError(BAD_ESCAPE)
            key = unescaped
        at = _expect_more(text, end, MALFORMED)
        if text[at] != ":":
            raise ScanError(MALFORMED)
        at = _expect_more(text, at + 1, MALFORMED)
        kind, end = scan_value(text, at, ends)
        yield key, kind, at, end
        at = _expect_more(text, end, NO_ARRAY_END)
        if text[at] == ",":
            at = _expect_more(text, at + 1, NO_ARRAY_END)
        elif text[at] != "}":
            raise ScanError(NO_OBJECT_END)


def scan_array(text: str, at: int, ends: Mapping[int, int]) -> Iterator[tuple[str, int, int]]:
    """(kind, start, end) of each value of the array at `at`. Raises ScanError."""
    at = _expect_more(text, at + 1, MALFORMED)
    while text[at] != "]":
        kind, end = scan_value(text, at, ends)
        yield kind, at, end
        at = _expect_more(text, end, NO_ARRAY_END)
        if text[at] == ",":
            at = _expect_more(text, at + 1, NO_ARRAY_END)
        elif text[at] != "]":
            raise ScanError(NO_ARRAY_END)


def scan_value(text: str, at: int, ends: Mapping[int, int]) -> tuple[str, int]:
    """(kind, end) of the value at `at`. Raises ScanError."""
    first = text[at]
    if first == '"':
        return "string", _string_end(text, at, NO_STRING_END)
    if first == "[":
        return "array", _array_end(text, at)
    if first == "{":
        if at not in ends:
            raise ScanError(NO_OBJECT_END)
        return "object", ends[at]
    end = _TOKEN_END.search(text, at)
    if end is None:
        raise ScanError(NO_VALUE_END)
    word = text[at : end.start()]
    if word in ("true", "false"):
        return "boolean", end.start()
    if word == "null":
        return "null", end.start()
    if first in "-0123456789":
        return "number", end.start()
    raise ScanError(UNKNOWN_VALUE)


def unescape(text: str) -> str | None:
    """The value of a JSON string's inside; None when an escape is invalid."""
    if "\\" not in text:
        return text
    try:
        return _ESCAPE.sub(_replace, text)
    except KeyError:
        return None


def _replace(match: re.Match[str]) -> str:
    high, low, plain, simple = match.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
    if simple:
        return _SIMPLE[simple]
    code = int(plain, 16)
    if 0xD800 <= code < 0xE000:
        raise KeyError(plain)
    return chr(code)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _expect_more(text: str, at: int, error: str) -> int:
    at = _skip(text, at)
    if at >= len(text):
        raise ScanError(error)
    return at


def _string_end(text: str, at: int, error: str) -> int:
    match = _STRING_END.match(text, at + 1)
    if match is None:
        raise ScanError(error)
    return match.end()


def _array_end(text: str, at: int) -> int:
    level = 0
    while match := _ARRAY.search(text, at):
        at = match.end()
        if match.group() == '"':
            at = _string_end(text, match.start(), NO_ARRAY_END)
            continue
        level += 1 if match.group() == "[" else -1
        if not level:
            return at
    raise ScanError(NO_ARRAY_END)

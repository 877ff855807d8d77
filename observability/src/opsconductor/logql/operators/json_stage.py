"""| json: labels from the values of a JSON line. Spec: https://grafana.com/docs/loki/latest/query/log_queries/#json"""

import json
from collections.abc import Callable, Mapping

from opsconductor.logql.operators.json_scan import (
    ScanError,
    find_object_ends,
    scan_array,
    scan_object,
    scan_value,
    unescape,
)
from opsconductor.logql.operators.label_name import join_keys, sanitize_key
from opsconductor.logql.operators.row import Operator, Row
from opsconductor.logql.syntax import Extraction, JsonStage

PARSER_ERROR = "JSONParserErr"
_BROKEN = "\ufffd"


def _refuse_constant(text: str) -> None:
    raise ValueError(text)


_decode: Callable[[str], object] = json.JSONDecoder(
    object_pairs_hook=tuple, parse_float=str, parse_int=str, parse_constant=_refuse_constant, strict=False
).decode
"""Objects as tuples of pairs in order (so that the first of equal keys is known), numbers as their own text."""


def compile_json(stage: JsonStage) -> Operator:
    """The operator of a | json stage."""
    if not stage.fields:
        return read_all
    fields = stage.fields
    return lambda row: _read_fields(row, fields)


def read_all(row: Row) -> bool:
    """Every string, number and boolean becomes a label, nested keys joined by "_"; arrays and nulls are skipped.

    What is no JSON object gets the label __error__="JSONParserErr"; labels read before the fault stay.
    """
    value = _decode_line(row.line)
    if isinstance(value, tuple):
        _add_pairs(row, value, "")
    else:
        _read_slowly(row)
    return True


def _decode_line(line: str) -> object:
    """The line's value if it is JSON by the book, else None; surrogates are left to the scanner."""
    if "\\ud" in line or "\\uD" in line:
        return None
    try:
        return _decode(line)
    except (ValueError, RecursionError):
        return None


def _add_pairs(row: Row, pairs: tuple[tuple[str, object], ...], prefix: str) -> None:
    for key, value in pairs:
        if isinstance(value, str):
            _add(row, prefix, key, value)
        elif isinstance(value, bool):
            _add(row, prefix, key, "true" if value else "false")
        elif isinstance(value, tuple):
            _add_pairs(row, value, join_keys(prefix, key))


def _add(row: Row, prefix: str, key: str, value: str) -> None:
    name = join_keys(prefix, key) if prefix else sanitize_key(key)
    if name in row.base or name in row.metadata:
        name = row.parsed_name(name)
    if name not in row.parsed:
        row.parsed[name] = value.replace(_BROKEN, " ") if _BROKEN in value else value


def _read_slowly(row: Row) -> None:
    try:
        _scan_pairs(row, row.line, 0, find_object_ends(row.line), "")
    except ScanError as error:
        row.fail(PARSER_ERROR, str(error))
    except RecursionError:
        row.fail(PARSER_ERROR, "the object nests too deeply")


def _scan_pairs(row: Row, text: str, at: int, ends: Mapping[int, int], prefix: str) -> None:
    for key, kind, start, end in scan_object(text, at, ends):
        if kind == "object":
            _scan_pairs(row, text, start, ends, join_keys(prefix, key))
        elif kind in ("string", "number", "boolean"):
            _add(row, prefix, key, _read_text(text, kind, start, end))


def _read_text(text: str, kind: str, start: int, end: int) -> str:
    if kind == "string":
        return unescape(text[start + 1 : end - 1]) or ""
    return text[start:end]


def _read_fields(row: Row, fields: tuple[Extraction, ...]) -> bool:
    """A label for each field; "" where the path leads to nothing. Objects and arrays give their text."""
    line = row.line
    if not line:
        return True
    if line.lstrip()[:1] not in ("{", "[", '"'):
        row.fail(PARSER_ERROR)
        return True
    ends = find_object_ends(line)
    for field in fields:
        value = _find(line, field.path, ends)
        name = row.parsed_name(field.label)
        if value is not None:
            row.parsed[name] = value.replace(_BROKEN, " ")
        elif row.get(field.label) is None:
            row.parsed[field.label] = ""
    return True


def _find(text: str, path: tuple[str | int, ...], ends: Mapping[int, int]) -> str | None:
    try:
        at = len(text) - len(text.lstrip(" \n\r\t"))
        kind, end = _kind_at(text, at), len(text)
        for step in path:
            found = _step_into(text, at, kind, step, ends)
            if found is None:
                return None
            kind, at, end = found
    except ScanError:
        return None
    if kind == "null":
        return ""
    if kind == "string":
        return unescape(text[at + 1 : end - 1]) or ""
    return (unescape(text[at:end]) or "") if kind == "array" else text[at:end]


def _kind_at(text: str, at: int) -> str:
    """The kind of the whole line: an object need not be closed to be searched."""
    return {"{": "object", "[": "array"}.get(text[at]) or scan_value(text, at, {})[0]


def _step_into(
    text: str, at: int, kind: str, step: str | int, ends: Mapping[int, int]
) -> tuple[str, int, int] | None:
    if isinstance(step, str):
        pairs = scan_object(text, at, ends) if kind == "object" else ()
        return next(((kind, start, end) for key, kind, start, end in pairs if key == step), None)
    values = scan_array(text, at, ends) if kind == "array" else ()
    return next((value for index, value in enumerate(values) if index == step), None)

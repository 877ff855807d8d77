"""A request's JSON body as the same protobuf body, so that one decoder makes the columns.

Spec: OTLP "JSON Protobuf Encoding": lowerCamelCase names (original names are taken too), ids in hexadecimal, 64-bit
integers as text or numbers, enumerations as numbers (names are taken too), unknown names ignored.
"""

import base64
import binascii
import math
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import orjson

from opsconductor.model.errors import InputError
from opsconductor.traces.messages import REQUEST, message_type

MAX_DEPTH: Final = 64
"""Messages inside each other, attributes of attributes included."""

_HEX: Final = frozenset(("trace_id", "span_id", "parent_span_id"))
_ENUMS: Final = {
    "SPAN_KIND_UNSPECIFIED": 0,
    "SPAN_KIND_INTERNAL": 1,
    "SPAN_KIND_SERVER": 2,
    "SPAN_KIND_CLIENT": 3,
    "SPAN_KIND_PRODUCER": 4,
    "SPAN_KIND_CONSUMER": 5,
    "STATUS_CODE_UNSET": 0,
    "STATUS_CODE_OK": 1,
    "STATUS_CODE_ERROR": 2,
}
_DOUBLES: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode_json_request(body: bytes) -> bytes:
    """The protobuf body of a JSON body. Raises InputError, which names the field."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"cannot read the spans: {error}") from error
    request = message_type(REQUEST)()
    _fill(request, document, "", MAX_DEPTH)
    encoded: bytes = request.SerializeToString()
    return encoded


Convert = Callable[[Any], Any]


def _fail(path: str, why: str) -> InputError:
    return InputError(f"cannot read the spans: {path.lstrip('.') or 'the body'} {why}")


def _fill(message: Any, value: Any, path: str, depth: int) -> None:
    if not isinstance(value, dict):
        raise _fail(path, "must be an object")
    if depth == 0:
        raise _fail(path, f"is nested deeper than {MAX_DEPTH} messages")
    fields = _list_fields(message.DESCRIPTOR)
    for key, item in value.items():
        found = fields.get(key)
        if found is None or item is None:
            continue
        name, repeated, convert = found
        where = f"{path}.{key}"
        if repeated:
            if not isinstance(item, list):
                raise _fail(where, "must be a list")
            target = getattr(message, name)
            for one in item:
                _fill(target.add(), one, where, depth - 1)
        elif convert is None:
            child = getattr(message, name)
            child.SetInParent()
            _fill(child, item, where, depth - 1)
        else:
            try:
                setattr(message, name, convert(item))
            except (ValueError, TypeError, OverflowError, binascii.Error) as error:
                raise _fail(where, f"is not valid: {error}") from error


@cache
def _list_fields(descriptor: Any) -> dict[str, tuple[str, bool, Convert | None]]:
    """JSON name → (field, repeated, how to read its value; None for a message)."""
    fields = {}
    for field in descriptor.fields:
        convert = None if field.message_type is not None else _choose(field)
        fields[field.name] = fields[field.json_name] = (field.name, field.is_repeated, convert)
    return fields


def _choose(field: Any) -> Convert:
    if field.type == field.TYPE_BYTES:
        return bytes.fromhex if field.name in _HEX else _read_base64
    return {
        field.TYPE_STRING: _read_text,
        field.TYPE_BOOL: _read_bool,
        field.TYPE_DOUBLE: _read_double,
    }.get(field.type, _read_integer)


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("write text")
    return value


def _read_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("write true or false")
    return value


def _read_double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("write a number")
    return _DOUBLES[value] if value in _DOUBLES else float(value)


def _read_integer(value: Any) -> int:
    if isinstance(value, str):
        return _ENUMS[value] if value in _ENUMS else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError("write a whole number")
    return int(value)


def _read_base64(value: Any) -> bytes:
    text = _read_text(value).replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)

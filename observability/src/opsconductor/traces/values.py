"""Columns of attributes: the protocol's typed values as (key, type, text), without Python per row.

Only arrays, maps and bytes, which are rare, are rendered one by one.
"""

import base64
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError

from opsconductor.model.errors import InputError
from opsconductor.traces.messages import message_type
from opsconductor.traces.table import ARRAY, ATTRIBUTE_TYPE, BOOL, BYTES, DOUBLE, INT, MAP, STRING

Offsets = npt.NDArray[np.int32]


def repair_text(column: pa.Array) -> pa.StringArray:
    """A binary column as text; bytes that are not UTF-8 become U+FFFD in their own value only."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        texts = (None if value is None else value.decode("utf-8", "replace") for value in column.to_pylist())
        return pa.array(texts, pa.string())


def split_lists(lists: pa.ListArray) -> tuple[Offsets, pa.Array]:
    """(offsets from 0, values) of a list column; a null list counts as empty."""
    offsets: Offsets = lists.offsets.to_numpy()
    return offsets - offsets[0], lists.values.slice(offsets[0], offsets[-1] - offsets[0])


def join_lists(offsets: Offsets, values: pa.Array) -> pa.ListArray:
    """The inverse of split_lists."""
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def convert_attributes(lists: pa.ListArray) -> pa.ListArray:
    """A list column of KeyValue as ATTRIBUTES_TYPE. Raises InputError where an array or a map is not valid."""
    offsets, items = split_lists(lists)
    fields = {
        STRING: ("string_value", repair_text),
        BOOL: ("bool_value", _cast_text),
        INT: ("int_value", _cast_text),
        DOUBLE: ("double_value", _cast_text),
        ARRAY: ("array_value", _render_with("ArrayValue", _render_array)),
        MAP: ("kvlist_value", _render_with("KeyValueList", _render_map)),
        BYTES: ("bytes_value", _render_bytes),
    }
    types = np.zeros(len(items), np.uint8)
    texts: list[pa.StringArray] = []
    for number, (name, convert) in fields.items():
        column = pc.struct_field(items, ["value", name])
        if column.null_count < len(column):
            types[column.is_valid().to_numpy(zero_copy_only=False)] = number
            # Of several alternatives in one value the last decides, as in the protocol.
            texts.insert(0, convert(column))
    text = pc.coalesce(*texts, "") if texts else pa.repeat("", len(items))
    columns = [repair_text(pc.struct_field(items, "key")), pa.array(types), text]
    return join_lists(offsets, pa.StructArray.from_arrays(columns, fields=list(ATTRIBUTE_TYPE)))


def _cast_text(column: pa.Array) -> pa.StringArray:
    return column.cast(pa.string())


def _render_bytes(column: pa.Array) -> pa.StringArray:
    return _map_valid(column, lambda value: base64.b64encode(value).decode())


def _render_with(message: str, render: Callable[[Any], Any]) -> Callable[[pa.Array], pa.StringArray]:
    def render_one(value: bytes) -> str:
        try:
            return orjson.dumps(render(message_type(message).FromString(value))).decode()
        except (DecodeError, TypeError, RecursionError) as error:
            raise InputError(f"cannot read an attribute: its {message} is not valid: {error}") from error

    return lambda column: _map_valid(column, render_one)


def _map_valid(column: pa.Array, convert: Callable[[bytes], str]) -> pa.StringArray:
    values: Iterable[bytes | None] = column.to_pylist()
    return pa.array((None if value is None else convert(value) for value in values), pa.string())


def _render_array(array: Any) -> list[Any]:
    return [render_value(value) for value in array.values]


def _render_map(entries: Any) -> dict[str, Any]:
    return {entry.key: render_value(entry.value) for entry in entries.values}


def render_value(value: Any) -> Any:
    """An AnyValue message as JSON's types; bytes become base64."""
    name = value.WhichOneof("choice")
    if name is None:
        return None
    found = getattr(value, name)
    if name == "array_value":
        return _render_array(found)
    if name == "kvlist_value":
        return _render_map(found)
    return base64.b64encode(found).decode() if name == "bytes_value" else found

"""Push bodies, protobuf or JSON, into columns: one row an entry, in the order in which they were sent.

Both decoders run in a worker thread. Spec: Loki HTTP API "Ingest logs".
"""

import json
import re
import zlib
from dataclasses import dataclass
from email.message import Message
from typing import Any

import cramjam
import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from opsconductor.logs.descriptors import push_handler
from opsconductor.logs.table import METADATA_TYPE
from opsconductor.model.errors import InputError
from opsconductor.model.labels import format_labels, sort_labels
from opsconductor.serving.errors import BodyTooLargeError

SIZE_LIMIT_NAME = "distributor.max_recv_msg_size"

_MAX_SECONDS = 9_223_372_036
"""Seconds beyond which nanoseconds leave int64; such times are clipped and refused as too old or too new."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_DIGITS = re.compile(r"-?\d{1,19}", re.ASCII)


@dataclass(frozen=True)
class DecodedPush:
    """The columns of a push.

    labels: the label text of each stream, as sent; offsets: int64 [streams + 1], the rows of stream i are
    offsets[i]:offsets[i + 1]; time: int64 [rows], ns; line: binary or string [rows]; metadata: map [rows], or None
    where no entry has any.
    """

    labels: list[str]
    offsets: npt.NDArray[np.int64]
    time: npt.NDArray[np.int64]
    line: pa.Array
    metadata: pa.MapArray | None


def decode_push(body: bytes, content_type: str, content_encoding: str, limit: int) -> DecodedPush:
    """Columns of a body. limit: bytes that it may have once decompressed.

    Raises InputError on what cannot be decoded and BodyTooLargeError (413) beyond the limit. As the original does,
    anything that is not application/json is taken for protobuf in a raw snappy block.
    """
    if not content_type:
        raise InputError("cannot read the push: it has no Content-Type (mime: no media type)")
    header = Message()
    header["Content-Type"] = content_type
    if ";" in content_type and "=" not in content_type.split(";", 1)[1]:
        raise InputError(f'cannot read the push: Content-Type "{content_type}" has a bad parameter')
    if header.get_content_type() == "application/json":
        return decode_json(_decompress(body, content_encoding, limit))
    return decode_protobuf(_decompress_snappy(body, limit))


def decode_protobuf(body: bytes) -> DecodedPush:
    """Columns of a PushRequest. Raises InputError where the wire format is broken."""
    try:
        streams = push_handler().list_to_record_batch([body]).column("streams").flatten()
    except (ValueError, pa.ArrowException) as error:
        raise InputError(f"cannot read the push: {error}; send a PushRequest in a raw snappy block") from error
    entries = streams.field("entries")
    rows = entries.flatten()
    timestamp = rows.field("timestamp")
    seconds = timestamp.field("seconds").to_numpy(zero_copy_only=False).clip(-_MAX_SECONDS, _MAX_SECONDS - 1)
    nanos = timestamp.field("nanos").to_numpy(zero_copy_only=False).astype(np.int64).clip(0, 999_999_999)
    return DecodedPush(
        labels=[repair_bytes(text) for text in streams.field("labels").to_pylist()],
        offsets=_offsets(entries),
        time=seconds * 1_000_000_000 + nanos,
        line=rows.field("line"),
        metadata=_metadata_map(rows.field("metadata")),
    )


def _offsets(lists: pa.ListArray) -> npt.NDArray[np.int64]:
    offsets: npt.NDArray[np.int64] = lists.offsets.to_numpy().astype(np.int64)
    offsets -= offsets[0]
    return offsets


def _metadata_map(pairs: pa.ListArray) -> pa.MapArray | None:
    items = pairs.flatten()
    if not len(items):
        return None
    names, values = (repair_text(items.field(name)) for name in ("name", "value"))
    return pa.MapArray.from_arrays(pa.array(_offsets(pairs), pa.int32()), names, values)


def repair_text(column: pa.Array) -> pa.StringArray:
    """A binary column as text; bytes that are not UTF-8 become U+FFFD in their own entry only."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([repair_bytes(value) for value in column.to_pylist()], pa.string())


def repair_bytes(value: bytes) -> str:
    """The text of bytes, with U+FFFD for what is not UTF-8."""
    return value.decode("utf-8", "replace")


def decode_json(body: bytes) -> DecodedPush:
    """Columns of {"streams": [{"stream": {…}, "values": [[ns, line, {…}?], …]}]}. Raises InputError."""
    push = _load_json(body)
    streams = push.get("streams") if isinstance(push, dict) else None
    if not isinstance(streams, list):
        raise InputError('cannot read the push: it must be {"streams": […]}')
    labels: list[str] = []
    counts, times, lines = [0], [], []
    metadata: list[list[tuple[str, str]]] = []
    for stream in streams:
        labels.append(_read_labels(stream))
        values = [] if stream.get("values") is None else stream["values"]
        if not isinstance(values, list):
            raise InputError('cannot read the push: "values" must be a list of [time, line]')
        for value in values:
            time, line, pairs = _read_entry(value)
            times.append(time)
            lines.append(line)
            metadata.append(pairs)
        counts.append(len(times))
    return DecodedPush(
        labels=labels,
        offsets=np.array(counts, np.int64),
        time=np.array(times, np.int64),
        line=pa.array(lines, pa.string()),
        metadata=pa.array(metadata, METADATA_TYPE) if any(metadata) else None,
    )


def _load_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        reason = error
    # The fast parser refuses a byte that is not UTF-8 and half a surrogate pair; only those are repaired here.
    try:
        return json.loads(_SURROGATES.sub("\ufffd", repair_bytes(body)), object_pairs_hook=_repair_pairs)
    except (ValueError, RecursionError):
        raise InputError(f"cannot read the push: {reason}") from reason


def _repair_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {_repair_value(key): _repair_value(value) for key, value in pairs}


def _repair_value(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    return [_repair_value(item) for item in value] if isinstance(value, list) else value


def _read_labels(stream: Any) -> str:
    labels = stream.get("stream") if isinstance(stream, dict) else None
    if not isinstance(labels, dict):
        raise InputError('cannot read the push: each of "streams" must be {"stream": {…}, "values": […]}')
    for name, value in labels.items():
        if not isinstance(value, str):
            raise InputError(f"cannot read the push: the value of label {name} must be a string")
    return format_labels(sort_labels(labels))


def _read_entry(value: Any) -> tuple[int, str, list[tuple[str, str]]]:
    match value:
        case [str(time), str(line)]:
            pairs: list[tuple[str, str]] = []
        case [str(time), str(line), dict(found)]:
            pairs = list(found.items())
            if not all(isinstance(text, str) for _, text in pairs):
                raise InputError("cannot read the push: values of structured metadata must be strings")
        case _:
            raise InputError('cannot read the push: an entry must be ["<ns>", "line"] or ["<ns>", "line", {…}]')
    if not _DIGITS.fullmatch(time) or not -(1 << 63) <= (ns := int(time)) < 1 << 63:
        raise InputError(f'cannot read the push: time "{time[:40]}" must be a whole number of nanoseconds')
    return ns, line, pairs


def _decompress_snappy(body: bytes, limit: int) -> bytes:
    try:
        if cramjam.snappy.decompress_raw_len(body) > limit:
            raise BodyTooLargeError(limit, SIZE_LIMIT_NAME)
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise InputError(f"cannot decompress the push: {error}; send one raw snappy block") from error


def _decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The plain bytes of "", "snappy" (taken as plain, as the original does), gzip and raw deflate."""
    if encoding in ("", "snappy", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise InputError(f'cannot decompress the push: Content-Encoding "{encoding}" is not supported; send gzip')
    plain = bytearray()
    rest = body
    try:
        while rest:
            decoder = zlib.decompressobj(31 if encoding == "gzip" else -15)
            plain += decoder.decompress(rest, limit + 1 - len(plain))
            if len(plain) > limit:
                raise BodyTooLargeError(limit, SIZE_LIMIT_NAME)
            if not decoder.eof:
                raise InputError("cannot decompress the push: unexpected end of the body")
            rest = decoder.unused_data if encoding == "gzip" else b""
    except zlib.error as error:
        raise InputError(f"cannot decompress the push: {error}") from error
    return bytes(plain)

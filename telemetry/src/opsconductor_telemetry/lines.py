"""A log record as one line of JSON, at most 64 KiB long, whatever it holds.

Field names follow OpenTelemetry's semantic conventions; `trace_id`, `span_id` and `trace_flags` its
"Trace Context in non-OTLP Log Formats". Exceptions become exception.type, .message and .stacktrace, without the
values of local variables: those hold secrets.
"""

import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from opsconductor_telemetry.context import CURRENT
from opsconductor_telemetry.redaction import MAX_CHARACTERS, redact_fields, redact_text

MAX_LINE_BYTES = 64 * 1024
MAX_TEXT = 16 * 1024
"""Characters of one text before the line is measured; also of a stack trace, which keeps its end."""

LEVELS = {"WARNING": "warning", "CRITICAL": "critical", "ERROR": "error", "INFO": "info", "DEBUG": "debug"}
_OWN = frozenset({"time", "level", "service", "logger", "message", "trace_id", "span_id", "trace_flags"})
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
_SHORTER = (4096, 512, 64)


def encode_record(record: logging.LogRecord, service: str) -> bytes:
    """The record's line, with its newline. Never fails: what cannot be written is replaced by its description."""
    head: dict[str, object] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")[:26] + "Z",
        "level": LEVELS.get(record.levelname) or record.levelname.lower(),
        "service": service,
        "logger": record.name,
        "message": _cut(redact_text(_read_message(record)), MAX_TEXT),
    }
    context = CURRENT.get()
    if context is not None:
        head["trace_id"] = context.trace_id
        head["span_id"] = context.span_id
    return encode_line(head, _read_fields(record))


def encode_line(head: Mapping[str, object], fields: Mapping[str, object]) -> bytes:
    """Head and fields as one line; a field that is named as one of the head's is called `field.NAME`.

    Too long a line loses the ends of its long texts, then its fields; `truncated` says so.
    """
    named = {f"field.{name}" if name in _OWN else name: value for name, value in fields.items()}
    line = _dump({**head, **named})
    if len(line) <= MAX_LINE_BYTES:
        return line
    for limit in _SHORTER:
        line = _dump({**_shorten(head, limit), **_shorten(named, limit), "truncated": True})
        if len(line) <= MAX_LINE_BYTES:
            return line
    return _dump({**_shorten(head, _SHORTER[-1]), "truncated": True})


def _read_message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a wrong format string must not fail the request that logs it
        return f"{record.msg} (cannot format the message: {error})"


def _read_fields(record: logging.LogRecord) -> dict[str, object]:
    given = getattr(record, "fields", None)
    try:
        fields = redact_fields(given) if isinstance(given, Mapping) else {}
    except Exception as error:  # noqa: BLE001 - a field's own __str__ may raise anything
        fields = {"fields.error": f"cannot write the fields: {type(error).__name__}"}
    if record.exc_info and record.exc_info[1] is not None:
        fields |= describe_exception(record.exc_info[1])
    return fields


def describe_exception(error: BaseException) -> dict[str, object]:
    """exception.type, .message and .stacktrace (with causes, without local variables) of an exception."""
    try:
        message, stack = str(error), "".join(traceback.format_exception(error))
    except Exception as failure:  # noqa: BLE001 - an exception's own __str__ may raise anything
        message, stack = f"cannot describe the exception: {type(failure).__name__}", ""
    return {
        "exception.type": name_exception(error),
        "exception.message": _cut(redact_text(message), MAX_TEXT),
        "exception.stacktrace": redact_text(stack[-MAX_CHARACTERS:])[-MAX_TEXT:],
    }


def name_exception(error: BaseException) -> str:
    """The exception's type with its module, ValueError and its like without: error.type and exception.type."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _dump(document: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(document, option=_OPTIONS) + b"\n"
    except (TypeError, ValueError):
        # lone surrogates (file names, broken input) and integers above 64 bits are all that is left to fail
        return orjson.dumps(_repair(document), option=_OPTIONS) + b"\n"


def _repair(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {str(_repair(str(key))): _repair(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_repair(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 63:
        return f"{value:#x}" if value.bit_length() < 4096 else "…"
    return value


def _shorten(document: Mapping[str, object], limit: int) -> dict[str, object]:
    """Every text, and every structure as its JSON text, cut to the limit."""
    short: dict[str, object] = {}
    for name, value in document.items():
        text = _dump({"": value})[4:-2].decode() if isinstance(value, dict | list) else value
        short[_cut(name, limit)] = _cut(text, limit) if isinstance(text, str) else text
    return short


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + "…"

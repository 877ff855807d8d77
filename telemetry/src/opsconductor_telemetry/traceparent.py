"""The wire forms of a trace context: `traceparent` and `tracestate`, read strictly, and Nginx's `X-Trace-Id`.

Spec: W3C Trace Context level 2, https://www.w3.org/TR/trace-context-2/ (sections 3.2 and 3.3).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

SAMPLED = 0x01
KNOWN_FLAGS = 0x03  # sampled, and level 2's "the trace id is random"
MAX_STATE_MEMBERS = 32

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_HEX_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_KEY = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}", re.ASCII)  # level 2, which lets @ stand anywhere
_VALUE = re.compile(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]", re.ASCII)
_BLANK = " \t"


class Parent(NamedTuple):
    """What the caller sent: trace_id 32 and span_id 16 lower-case hex digits, neither all zero; flags one byte."""

    trace_id: str
    span_id: str
    flags: int


def parse_traceparent(values: Iterable[str]) -> Parent | None:
    """The caller's context, or None when the header is missing, repeated or breaks the specification.

    values: every value of the header, in order. Versions above 00 may carry more after a dash; ff is forbidden.
    """
    texts = list(values)
    if len(texts) != 1:
        return None
    match = _PARENT.fullmatch(texts[0].strip(_BLANK))
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest is not None):
        return None
    if not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Parent(trace_id, span_id, int(flags, 16) & KNOWN_FLAGS)


def format_traceparent(trace_id: str, span_id: str, flags: int) -> str:
    """The header's value, always of version 00, which every later version must accept."""
    return f"00-{trace_id}-{span_id}-{flags:02x}"


def parse_tracestate(values: Iterable[str]) -> str:
    """The vendors' part of the context, to be passed on unchanged; "" when missing or against the specification.

    values: every value of the header, in order; empty members are allowed and dropped.
    """
    members = [member for value in values for part in value.split(",") if (member := part.strip(_BLANK))]
    if len(members) > MAX_STATE_MEMBERS:
        return ""
    for member in members:
        key, equals, value = member.partition("=")
        if not equals or not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
            return ""
    return ",".join(members)


def parse_trace_id(text: str | None) -> str | None:
    """The trace id of an X-Trace-Id header (Nginx's $request_id): 32 lower-case hex digits, not all zero."""
    if text is None or not _HEX_ID.fullmatch(text) or not int(text, 16):
        return None
    return text

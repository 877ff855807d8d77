"""What a trace goes through before it is shown, unless it is asked for raw. Spec: the original's query adjusters.

Attributes sorted, equal spans shown once, links to nothing removed, missing parents and repeated ids named in
warnings. Clocks are not corrected: the original's default leaves them alone too.
"""

from dataclasses import replace

from opsconductor.traces.span import Attribute, Span, Trace
from opsconductor.traces.table import DOUBLE, INT, STRING

DUPLICATE_ID = "duplicate span IDs; skipping clock skew adjustment"
MISSING_PARENT = "parent span ID={} is not in the trace; skipping clock skew adjustment"
INVALID_LINK = "Invalid span link removed"
_ADDRESS_KEYS = frozenset(("ip", "peer.ipv4"))


def adjust_trace(trace: Trace) -> Trace:
    """The spans as they are shown, by start."""
    shown: Trace = []
    for span in sorted(trace, key=lambda span: (span.start_ns, span.span_id)):
        _tidy(span)
        if not any(_is_equal(span, other) for other in reversed(shown) if other.span_id == span.span_id):
            shown.append(span)
    ids: set[bytes] = set()
    for span in shown:
        if span.span_id in ids:
            span.warnings.append(DUPLICATE_ID)
        ids.add(span.span_id)
    for span in shown:
        if span.parent_id and span.parent_id not in ids:
            span.warnings.append(MISSING_PARENT.format(span.parent_id.hex()))
    return shown


def _tidy(span: Span) -> None:
    span.attributes = [_read_address(one) for one in sorted(span.attributes, key=lambda one: one.key)]
    named, *others = span.resource
    span.resource = (named, *sorted(others, key=lambda one: one.key))
    for event in span.events:
        event.attributes.sort(key=lambda one: one.key)
    links = [link for link in span.links if link.trace_id.strip(b"\0")]
    span.warnings += [INVALID_LINK] * (len(span.links) - len(links))
    span.links = links


def _is_equal(one: Span, other: Span) -> bool:
    return replace(one, warnings=[]) == replace(other, warnings=[])


def _read_address(attribute: Attribute) -> Attribute:
    """An IPv4 address that was sent as a number."""
    if attribute.key not in _ADDRESS_KEYS or attribute.type not in (INT, DOUBLE):
        return attribute
    number = int(float(attribute.value)) & 0xFFFFFFFF
    return Attribute(attribute.key, STRING, ".".join(str(byte) for byte in number.to_bytes(4, "big")))

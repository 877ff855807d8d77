"""A batch: entries by stream, already in the push's wire format, and the file ranges that they come from.

Spec: Loki push API, logproto.PushRequest as protobuf under snappy's block format. Written by hand, as two fields of
an entry take 1.4 µs this way and 2.2 µs through a protobuf message.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cramjam

from opsconductor.collector.stages.entry import Entry
from opsconductor.model.labels import format_labels, sort_labels

SOURCES_MAX = 64
"""Files in one batch: their ranges travel in a header, which proxies limit to 8 KiB."""

_LABEL_TEXTS_MAX = 10_000


@dataclass(frozen=True)
class Range:
    """Bytes [start, end) of a source; gap: what lies before may be missing in the store; anchor: bytes before end."""

    id: str
    start: int
    end: int
    gap: bool
    anchor: bytes


@dataclass(frozen=True)
class Record:
    """A sealed batch: the push's exact body and what it covers.

    size: bytes of its lines; bare: pushed without its ranges, as the store holds other offsets (never journalled:
    after a restart the store says so again).
    """

    sequence: int
    entries: int
    size: int
    ranges: tuple[Range, ...]
    body: bytes
    bare: bool = False


class Batch:
    """Takes entries until it is sealed. born: monotonic s of the first entry."""

    def __init__(self, external_labels: Mapping[str, str]) -> None:
        self._external = dict(external_labels)
        self._streams: dict[str, bytearray] = {}
        self._texts: dict[tuple[tuple[str, str], ...], str] = {}
        self.ranges: dict[str, Range] = {}
        self.entries = self.size = 0
        self.born = 0.0

    def add(self, entries: list[Entry], now: float) -> None:
        """Append entries to their streams; their order stays."""
        if entries and not self.entries:
            self.born = now
        streams = self._streams
        for entry in entries:
            line = _encode_text(entry.line)
            text = self._find_text(entry.labels)
            stream = streams.get(text)
            if stream is None:
                stream = streams[text] = bytearray()
            stream += _encode_entry(entry.time_ns, line)
            self.size += len(line)
        self.entries += len(entries)

    def cover(self, item: Range) -> None:
        """Say which bytes the entries so far come from; extends the source's earlier range."""
        before = self.ranges.get(item.id)
        if before is not None:
            item = replace(item, start=before.start, gap=before.gap)
        self.ranges[item.id] = item

    def seal(self, sequence: int) -> Record:
        """The record to journal and push."""
        parts = []
        for text, stream in self._streams.items():
            labels = text.encode()
            head = b"\x0a" + _varint(len(labels)) + labels
            parts += [b"\x0a", _varint(len(head) + len(stream)), head, bytes(stream)]
        body = bytes(cramjam.snappy.compress_raw(b"".join(parts)))
        return Record(sequence, self.entries, self.size, tuple(self.ranges.values()), body)

    def _find_text(self, labels: dict[str, str]) -> str:
        key = tuple(labels.items())
        text = self._texts.get(key)
        if text is None:
            if len(self._texts) >= _LABEL_TEXTS_MAX:
                self._texts.clear()
            merged = {name: value for name, value in (self._external | labels).items() if name != "__tenant_id__"}
            text = self._texts[key] = _encode_text(format_labels(sort_labels(merged))).decode()
        return text


def _encode_text(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, out of a JSON escape
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _encode_entry(time_ns: int, line: bytes) -> bytes:
    """Field 2 of a stream: an entry of a timestamp (field 1: seconds, nanos) and a line (field 2)."""
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    time = b"\x08" + _varint(seconds)
    if nanos:
        time += b"\x10" + _varint(nanos)
    body = b"\x0a" + _varint(len(time)) + time + b"\x12" + _varint(len(line)) + line
    return b"\x12" + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    """Protobuf's variable-length integer; negative numbers as 64-bit two's complement."""
    if 0 <= number < len(_SMALL):
        return _SMALL[number]
    return _make_varint(number & 0xFFFF_FFFF_FFFF_FFFF)


def _make_varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


_SMALL = [_make_varint(number) for number in range(4096)]

"""Stage timestamp: an extracted value becomes the entry's time. Spec: Promtail stages/timestamp."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from opsconductor.collector.stages.entry import Entry, format_extracted
from opsconductor.collector.stages.layout import ParseTime, compile_format
from opsconductor.collector.stages.stage import CountDropped, PlainStage
from opsconductor.model.document import Section

LAST_KNOWN_MAX = 10_000
"""Label sets whose last time is remembered. Original: maxLastKnownTimestampsCacheSize."""


class TimestampStage(PlainStage):
    """Where no time can be read: with `fudge` the last time of the same labels plus 1 ns, else the time stays."""

    def __init__(self, source: str, parsers: Sequence[ParseTime], fudge: bool) -> None:
        self._source, self._parsers, self._fudge = source, tuple(parsers), fudge
        self._last: OrderedDict[tuple[tuple[str, str], ...], int] = OrderedDict()

    def keep(self, entry: Entry) -> bool:
        """Set the time."""
        text = format_extracted(entry.extracted.get(self._source))
        found = None if text is None else self._parse(text)
        if found is not None:
            entry.time_ns = found
        if self._fudge:
            self._follow(entry, found)
        return True

    def _parse(self, text: str) -> int | None:
        for parse in self._parsers:
            try:
                return parse(text)
            except (ValueError, OverflowError):
                continue
        return None

    def _follow(self, entry: Entry, found: int | None) -> None:
        key = tuple(sorted(entry.labels.items()))
        if found is None:
            last = self._last.get(key)
            if last is None:
                return
            entry.time_ns = last + 1
        self._last[key] = entry.time_ns
        self._last.move_to_end(key)
        if len(self._last) > LAST_KNOWN_MAX:
            self._last.popitem(last=False)


def read_timestamp(section: Section, _count: CountDropped) -> TimestampStage:
    """The stage of `source`, `format`, `fallback_formats`, `location`, `action_on_failure`. Raises ConfigError."""
    source, format_value = section.text("source"), section.get("format")
    if not source:
        raise section.value.fail("source is missing; name the extracted value that holds the time")
    if format_value is None or not format_value.text():
        raise section.value.fail(
            "format is missing; write RFC3339Nano, Unix, UnixMs or a layout of 2006-01-02 15:04:05"
        )
    action = section.text("action_on_failure", "fudge")
    if action not in ("fudge", "skip"):
        raise section.value.fail(f'action_on_failure "{action}" is unknown; write fudge or skip')
    zone = _read_zone(section)
    fallbacks = [item.text() for item in section.items("fallback_formats")]
    compiled: list[Callable[[str], int]] = [compile_format(text, zone) for text in (format_value.text(), *fallbacks)]
    return TimestampStage(source, compiled, action == "fudge")


def _read_zone(section: Section) -> ZoneInfo | None:
    location = section.get("location")
    if location is None or location.text() in ("", "UTC"):
        return None
    try:
        return ZoneInfo(location.text())
    except (ZoneInfoNotFoundError, ValueError) as error:
        reason = f'"{location.text()}" is no time zone that this machine knows'
        raise location.fail(f"{reason}; write a name such as Europe/Zurich") from error

"""Label texts of pushes → series, parsed and checked once each."""

from dataclasses import dataclass
from typing import Final

from opsconductor.logs.config import Limits
from opsconductor.model.errors import InputError
from opsconductor.model.labels import Labels, format_labels, identify_labels, parse_labels

CACHED_TEXTS: Final = 65_536
"""Label texts remembered; beyond, the oldest half is forgotten and parsed anew when it comes again."""


@dataclass(frozen=True, slots=True)
class Series:
    """A stream: its 64-bit id and canonical label text; or `error`, why it is refused."""

    id: int
    text: str
    error: str = ""


class SeriesCache:
    """Reads label texts under the limits of one configuration."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[str, Series] = {}

    def find(self, text: str) -> Series:
        """The series of a label text as sent."""
        series = self._known.get(text)
        if series is None:
            series = self._known[text] = self._read(text)
            if len(self._known) > CACHED_TEXTS:
                for old in list(self._known)[: CACHED_TEXTS // 2]:
                    del self._known[old]
        return series

    def _read(self, text: str) -> Series:
        try:
            labels = parse_labels(text)
        except InputError as error:
            return Series(0, text, f"error parsing labels '{text}' with error: {error}")
        if wrong := self._check(text, labels):
            return Series(0, text, wrong)
        canonical = format_labels(labels)
        return Series(identify_labels(canonical), canonical)

    def _check(self, text: str, labels: Labels) -> str:
        """The original's wording of what is wrong with a label set, "" where nothing is."""
        limits = self._limits
        if not labels:
            return "error at least one label pair is required per stream"
        if len(labels) > limits.max_label_names_per_series:
            limit = limits.max_label_names_per_series
            return f"entry for stream '{text}' has {len(labels)} label names; limit {limit}"
        for name, value in labels:
            if len(name) > limits.max_label_name_length:
                return f"stream '{text}' has label name too long: '{name}'"
            if len(value.encode()) > limits.max_label_value_length:
                return f"stream '{text}' has label value too long: '{value}'"
        return ""

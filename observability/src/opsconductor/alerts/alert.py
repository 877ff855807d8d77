"""An alert: labels that identify it, when it began, and when it ends. Times are UTC datetimes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from opsconductor.model.errors import InputError

_FNV_OFFSET, _FNV_PRIME, _MASK = 14695981039346656037, 1099511628211, (1 << 64) - 1


@dataclass(frozen=True)
class Alert:
    """ends_at in the future, or none known, means firing."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    generator_url: str = ""

    @property
    def fingerprint(self) -> str:
        """The id of the label set, 16 hex digits."""
        return fingerprint_labels(self.labels)

    def is_resolved(self, now: datetime) -> bool:
        """Whether the alert has ended."""
        return self.ends_at <= now


def fingerprint_labels(labels: Mapping[str, str]) -> str:
    """FNV-1a over the sorted names and values. Spec: Prometheus common/model, LabelSet.Fingerprint."""
    value = _FNV_OFFSET
    for name in sorted(labels):
        for byte in (*name.encode(), 255, *labels[name].encode(), 255):
            value = ((value ^ byte) * _FNV_PRIME) & _MASK
    return f"{value:016x}"


def merge_alerts(old: Alert, new: Alert) -> Alert:
    """The earliest start, the latest of everything else; an alert that begins again after its end is a new one."""
    if old.ends_at < new.starts_at:
        return new
    latest = new if new.updated_at >= old.updated_at else old
    return Alert(
        latest.labels,
        latest.annotations,
        min(old.starts_at, new.starts_at),
        latest.ends_at,
        latest.updated_at,
        latest.generator_url,
    )


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC, milliseconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def parse_time(text: str) -> datetime:
    """A UTC datetime of an RFC 3339 text; digits beyond microseconds are cut. Raises InputError."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"cannot read time {text!r}: write RFC 3339, such as 2026-01-02T03:04:05Z") from error
    if time.tzinfo is None:
        raise InputError(f"cannot read time {text!r}: the zone is missing; add Z for UTC")
    return time.astimezone(UTC)

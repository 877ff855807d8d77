"""Silences: matchers that hold notifications back for a time."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from opsconductor.alerts.alert import format_time, parse_time
from opsconductor.alerts.matchers import Matcher, make_matcher, match_all
from opsconductor.model.errors import InputError


@dataclass(frozen=True)
class Silence:
    """Active in [starts_at, ends_at)."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    created_by: str
    comment: str

    def state(self, now: datetime) -> str:
        """pending, active or expired."""
        if now >= self.ends_at:
            return "expired"
        return "active" if now >= self.starts_at else "pending"

    def mutes(self, labels: Mapping[str, str], now: datetime) -> bool:
        """Whether the silence is active and matches."""
        return self.state(now) == "active" and match_all(self.matchers, labels)


def silence_to_json(silence: Silence) -> dict[str, Any]:
    """The silence as API v2 shows it, without its status."""
    return {
        "id": silence.id,
        "matchers": [
            {"name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal}
            for one in silence.matchers
        ],
        "startsAt": format_time(silence.starts_at),
        "endsAt": format_time(silence.ends_at),
        "updatedAt": format_time(silence.updated_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
    }


def silence_from_json(data: Mapping[str, Any]) -> Silence:
    """A silence of API v2's JSON; a missing id is the empty one. Raises InputError."""
    try:
        matchers = tuple(
            make_matcher(
                str(one["name"]),
                str(one["value"]),
                is_regex=bool(one["isRegex"]),
                is_equal=bool(one.get("isEqual", True)),
            )
            for one in data["matchers"]
        )
        starts_at, ends_at = parse_time(str(data["startsAt"])), parse_time(str(data["endsAt"]))
        created_by, comment = str(data["createdBy"]), str(data["comment"])
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"cannot read silence: {error} is missing or wrong;"
            " matchers, startsAt, endsAt, createdBy and comment are needed"
        ) from error
    if not matchers:
        raise InputError("cannot read silence: at least one matcher required")
    if all(one.matches({}) for one in matchers):
        raise InputError("cannot read silence: at least one matcher must not match the empty string")
    if ends_at <= starts_at:
        raise InputError("cannot read silence: end time must not be before start time")
    updated_at = parse_time(str(data["updatedAt"])) if data.get("updatedAt") else starts_at
    return Silence(str(data.get("id") or ""), matchers, starts_at, ends_at, updated_at, created_by, comment)


def revise_silence(old: Silence | None, new: Silence, now: datetime) -> tuple[Silence, Silence | None]:
    """(what to store, the old one expired if it must be): an edit that changes what is muted is a new silence.

    Raises InputError when the new one would be over before it begins.
    """
    if new.ends_at <= now:
        raise InputError("cannot store silence: end time can't be in the past")
    begun = max(new.starts_at, now)
    if old is not None and old.state(now) != "expired" and old.matchers == new.matchers:
        keeps_start = old.starts_at if old.state(now) == "active" else begun
        return replace(new, id=old.id, starts_at=keeps_start, updated_at=now), None
    expired = expire_silence(old, now) if old is not None and old.state(now) != "expired" else None
    return replace(new, id=str(uuid.uuid4()), starts_at=begun, updated_at=now), expired


def expire_silence(silence: Silence, now: datetime) -> Silence:
    """The silence, ended now; a pending one also begins now, so that it never is active."""
    return replace(silence, starts_at=min(silence.starts_at, now), ends_at=now, updated_at=now)

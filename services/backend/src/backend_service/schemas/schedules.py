"""Schedules on the wire."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from backend_service.recurrence import check_cron
from backend_service.schemas.base import Body, Key, View


class ScheduleBody(Body):
    """A schedule to create or replace: either `cron` (five fields, UTC) or `interval_s`."""

    job_id: Key
    cron: Annotated[str, Field(max_length=200), AfterValidator(check_cron)] | None = None
    interval_s: Annotated[int, Field(ge=1, le=366 * 86_400)] | None = None
    enabled: bool = True

    @model_validator(mode="after")
    def check(self) -> Self:
        """Exactly one rule."""
        if (self.cron is None) == (self.interval_s is None):
            raise ValueError("give either cron or interval_s")
        return self


class ScheduleView(View):
    """A stored schedule; `next_run_at` is null while it is disabled."""

    id: int
    job_id: int
    cron: str | None
    interval_s: int | None
    enabled: bool
    next_run_at: datetime | None
    last_run_at: datetime | None

    @model_validator(mode="after")
    def hide_next(self) -> Self:
        """A disabled schedule has no next time."""
        if not self.enabled:
            self.next_run_at = None
        return self

"""Schedules: when a job runs by itself."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from backend_service.models.base import Base, CreatedAt, Id, Moment


class Schedule(Base):
    """Either `cron` (five fields, UTC) or `interval_s` is set; `next_run_at` is when it is due."""

    __tablename__ = "schedules"
    __table_args__ = (
        CheckConstraint("(cron IS NULL) <> (interval_s IS NULL)", name="one_rule"),
        CheckConstraint("interval_s > 0", name="interval"),
    )

    id: Mapped[Id]
    job_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    cron: Mapped[str | None]
    interval_s: Mapped[int | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    next_run_at: Mapped[Moment] = mapped_column(index=True)
    last_run_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[CreatedAt]

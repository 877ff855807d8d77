"""Runs of jobs and their results."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend_service.models.base import Base, CreatedAt, Id


class RunStatus(StrEnum):
    """The states of a run; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    """What started a run."""

    MANUAL = "manual"
    SCHEDULE = "schedule"


class Result(Base):
    """What one action did to one target; exactly one per (run, target, action), the first that was recorded."""

    __tablename__ = "results"
    __table_args__ = (
        UniqueConstraint("run_id", "target_id", "action_index"),
        CheckConstraint("status IN ('succeeded', 'failed', 'skipped')", name="status"),
    )

    id: Mapped[Id]
    run_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("runs.id", ondelete="CASCADE"))
    target_id: Mapped[int] = mapped_column(BigInteger)
    target_name: Mapped[str]
    action_index: Mapped[int]
    action_kind: Mapped[str]
    status: Mapped[str]
    detail: Mapped[str]
    output: Mapped[str]
    duration_ms: Mapped[int] = mapped_column(BigInteger)
    recorded_at: Mapped[CreatedAt]


class Run(Base):
    """One execution of a job.

    `plan` is the job as it was when the run was queued ({"targets": […], "actions": […]}), so that a repeated
    execution does the same. `lease_token` and `lease_until` name the worker that executes it and until when it may;
    `entry_id` is the run's entry in the Redis stream, null until XADD is known to have worked. A run outlives its
    job: `job_id` is no foreign key.
    """

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("job_id", "number"),
        CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="status"),
        CheckConstraint("trigger IN ('manual', 'schedule')", name="trigger"),
        Index("ix_runs_unfinished", "status", "id", postgresql_where=text("status IN ('queued', 'running')")),
        Index("ix_runs_finished_at", "finished_at"),
    )

    id: Mapped[Id]
    job_id: Mapped[int] = mapped_column(BigInteger)
    job_name: Mapped[str]
    number: Mapped[int]
    status: Mapped[str] = mapped_column(default=RunStatus.QUEUED)
    trigger: Mapped[str]
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB)
    trace_id: Mapped[str]
    traceparent: Mapped[str]
    entry_id: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[str | None]
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[CreatedAt]
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    results: Mapped[list[Result]] = relationship(
        order_by=(Result.target_id, Result.action_index), passive_deletes=True
    )

"""Jobs: ordered actions over ordered targets."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend_service.models.base import Base, CreatedAt, Id
from backend_service.models.targets import Target


class JobTarget(Base):
    """One target of a job, at its place in the order."""

    __tablename__ = "job_targets"

    job_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    target_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("targets.id", ondelete="RESTRICT"), index=True)
    target: Mapped[Target] = relationship(lazy="joined")


class Job(Base):
    """`actions` is a list of the actions' JSON (backend_service.actions); runs are numbered from 1 within a job."""

    __tablename__ = "jobs"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(default="")
    actions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    last_run_number: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[CreatedAt]
    members: Mapped[list[JobTarget]] = relationship(
        order_by=JobTarget.position, cascade="all, delete-orphan", lazy="selectin", passive_deletes=True
    )

    @property
    def target_ids(self) -> list[int]:
        """The targets' ids in their order."""
        return [member.target_id for member in self.members]

"""Targets: the endpoints and hosts that jobs act on."""

from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend_service.models.base import Base, CreatedAt, Id


class Target(Base):
    """`address` is a URL (kind http), host:port (tcp) or a name (host)."""

    __tablename__ = "targets"
    __table_args__ = (CheckConstraint("kind IN ('http', 'tcp', 'host')", name="kind"),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    address: Mapped[str]
    kind: Mapped[str]
    labels: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    created_at: Mapped[CreatedAt]

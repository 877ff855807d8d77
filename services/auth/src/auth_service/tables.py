"""The tables of the database `auth`. Migrations make them; a test holds both equal."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, DateTime, Identity, String, func, true
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from auth_service.roles import Role


class Base(DeclarativeBase):
    """What Alembic compares the database with."""


class User(Base):
    """Somebody who may log in. username is lower-case; password_hash is Argon2id's encoded form."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('administrator', 'operator', 'viewer')", name="users_role_check"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(256))
    role: Mapped[Role] = mapped_column(String(16))
    active: Mapped[bool] = mapped_column(Boolean, server_default=true())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    last_login_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

"""Users in PostgreSQL. Every function runs inside a transaction of Database.run()."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import UniqueViolation
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auth_service.errors import RefusalError
from auth_service.roles import Role
from auth_service.tables import User

MAX_USERS = 10_000


@dataclass(frozen=True)
class Identity:
    """Who somebody is, as it goes into a session."""

    id: int
    username: str
    role: Role


@dataclass(frozen=True)
class Change:
    """What an administrator changes of a user; None leaves it."""

    role: Role | None = None
    active: bool | None = None
    password_hash: str | None = None


def identify(user: User) -> Identity:
    """The user's identity."""
    return Identity(user.id, user.username, Role(user.role))


def find_user(session: Session, username: str) -> User | None:
    """The active user of that name."""
    return session.scalar(select(User).where(User.username == username.lower(), User.active))


def find_identity(session: Session, user_id: int) -> Identity | None:
    """The identity of an active user as it is now."""
    user = session.get(User, user_id)
    return identify(user) if user is not None and user.active else None


def get_user(session: Session, user_id: int, *, lock: bool = False) -> User:
    """The user of that id, locked against other changes where asked; RefusalError 404."""
    user = session.get(User, user_id, with_for_update=lock)
    if user is None:
        raise RefusalError(404, f"cannot find user {user_id}: there is none")
    return user


def list_users(session: Session, limit: int, offset: int) -> tuple[list[User], int]:
    """One page of the users by id, and how many there are."""
    users = session.scalars(select(User).order_by(User.id).limit(limit).offset(offset))
    return list(users), count_users(session)


def count_users(session: Session) -> int:
    """How many users there are."""
    return session.scalar(select(func.count()).select_from(User)) or 0


def add_user(session: Session, username: str, password_hash: str, role: Role) -> User:
    """A new user; RefusalError 409 when the name is taken or there are MAX_USERS."""
    if count_users(session) >= MAX_USERS:
        raise RefusalError(
            409, f"cannot create user {username}: there are {MAX_USERS} users, which is the limit MAX_USERS"
        )
    user = User(username=username, password_hash=password_hash, role=role, active=True)
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        raise RefusalError(409, f"cannot create user {username}: the name is taken") from error
    session.refresh(user)
    return user


def record_login(session: Session, user_id: int, moment: datetime) -> Identity:
    """Note the login; the identity as it is now. RefusalError 401 when the user was deactivated meanwhile."""
    user = get_user(session, user_id, lock=True)
    if not user.active:
        raise RefusalError(401, f"cannot log in: {user.username} is not active")
    user.last_login_at = moment
    return identify(user)


def change_user(session: Session, user_id: int, change: Change) -> User:
    """Apply a change; RefusalError 404, or 409 where it would leave no active administrator."""
    administrators = lock_administrators(session)
    user = get_user(session, user_id, lock=True)
    loses = (change.role or user.role) != Role.ADMINISTRATOR or change.active is False
    if loses:
        keep_one(administrators, user)
    if change.role is not None:
        user.role = change.role
    if change.active is not None:
        user.active = change.active
    if change.password_hash is not None:
        user.password_hash = change.password_hash
    return user


def remove_user(session: Session, user_id: int) -> User:
    """Delete a user; RefusalError 404, or 409 for the last active administrator."""
    administrators = lock_administrators(session)
    user = get_user(session, user_id, lock=True)
    keep_one(administrators, user)
    session.delete(user)
    return user


def lock_administrators(session: Session) -> list[int]:
    """Ids of the active administrators, locked, so that two changes cannot each remove the other's last one."""
    rows = select(User.id).where(User.role == Role.ADMINISTRATOR, User.active).order_by(User.id).with_for_update()
    return list(session.scalars(rows))


def keep_one(administrators: list[int], user: User) -> None:
    """Refuse to lose the last active administrator."""
    if administrators == [user.id]:
        raise RefusalError(
            409, f"cannot change user {user.username}: it is the last active administrator; make another first"
        )

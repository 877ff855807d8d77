"""What all routes share."""

from typing import Annotated, Any, TypeVar

from fastapi import Depends, Path, Query, Request
from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend_service.access import User
from backend_service.errors import ConflictError, NotFoundError
from backend_service.health import Held
from backend_service.models import Base

Row = TypeVar("Row", bound=Base)

__all__ = ["Caller", "Held", "Key", "Limit", "Offset", "find", "flush", "read_page"]


def get_caller(request: Request) -> str:
    """The name of the session's user, for log lines."""
    user: User = request.state.user
    return user.username


Caller = Annotated[str, Depends(get_caller)]
Key = Annotated[int, Path(ge=1, le=2**63 - 1)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=2**63 - 1)]


def find(session: Session, table: type[Row], key: int, *, lock: bool = False) -> Row:
    """The row with the id, locked against changes on demand. Raises NotFoundError."""
    row = session.get(table, key, with_for_update={"of": table} if lock else None)
    if row is None:
        raise NotFoundError(f"cannot find {table.__name__.lower()} {key}: there is none with this id")
    return row


def read_page(session: Session, rows: Select[Any], limit: int, offset: int) -> dict[str, Any]:
    """A part of an ordered query, and how many rows the whole has."""
    total = session.scalar(select(func.count()).select_from(rows.order_by(None).subquery()))
    return {"items": session.scalars(rows.limit(limit).offset(offset)).unique().all(), "total": total}


def flush(session: Session, attempt: str, reason: str) -> None:
    """Send the changes. Raises ConflictError "cannot ATTEMPT: REASON" where a constraint forbids them."""
    try:
        session.flush()
    except IntegrityError as error:
        raise ConflictError(f"cannot {attempt}: {reason}") from error

"""Who may call: the session of the bearer token, as FastAPI dependencies."""

from typing import Annotated

from fastapi import Depends, Request

from auth_service.errors import RefusalError
from auth_service.roles import Role
from auth_service.services import Services
from auth_service.sessions import UserSession


def get_services(request: Request) -> Services:
    """The process's services; RefusalError 503 until they are prepared."""
    services: Services = request.app.state.services
    if not services.prepared:
        raise RefusalError(503, "cannot serve yet: the service is starting; try again", 1)
    return services


Own = Annotated[Services, Depends(get_services)]


async def get_session(request: Request, services: Own) -> UserSession:
    """The open session of the request's bearer token; RefusalError 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise RefusalError(401, "cannot tell who calls: send the header Authorization: Bearer ACCESS_TOKEN")
    session = await services.sessions.check(token.strip())
    if session is None:
        raise RefusalError(401, "cannot accept the access token: it has ended; refresh it or log in")
    return session


Caller = Annotated[UserSession, Depends(get_session)]


def require_administrator(session: Caller) -> UserSession:
    """The session, of an administrator; RefusalError 403."""
    if session.user.role is not Role.ADMINISTRATOR:
        raise RefusalError(403, f"cannot manage users as {session.user.role}: ask an administrator")
    return session


Administrator = Annotated[UserSession, Depends(require_administrator)]

"""Who may do what: every call below /api/ needs a session of the auth service.

One gate in front of all routes, so that none can forget it: GET and HEAD need the role viewer, all else operator.
It also bounds the request's body, before anything reads it.
"""

from dataclasses import dataclass
from typing import Any, Literal

import httpx
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from backend_service.errors import (
    BackendError,
    ForbiddenError,
    LengthMissingError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
)
from opsconductor_telemetry import http_client

CHECK_TIMEOUT_S = 3.0
READING = {"GET", "HEAD"}
WRITERS = {"operator", "administrator"}


class User(BaseModel):
    """The user of a session, as auth says it."""

    id: int | str
    username: str
    role: Literal["administrator", "operator", "viewer"]


class Session(BaseModel):
    """The part of auth's GET /api/auth/session that the backend needs."""

    user: User


class SessionCheck:
    """Asks auth about each request's bearer token; keeps nothing, so a logout counts at once."""

    def __init__(self, auth_url: str) -> None:
        self._url = auth_url.rstrip("/") + "/api/auth/session"
        self._client: httpx.AsyncClient | None = None

    async def find_user(self, authorization: str) -> User:
        """The session's user. Raises UnauthenticatedError, or UnavailableError when auth gives no answer."""
        if authorization[:7].lower() != "bearer ":
            raise UnauthenticatedError("cannot accept request: no bearer token; log in at /api/auth/login")
        if self._client is None:  # made in the loop that uses it
            self._client = http_client(timeout=CHECK_TIMEOUT_S)
        try:
            answer = await self._client.get(self._url, headers={"Authorization": authorization})
        except (httpx.HTTPError, OSError) as error:
            raise UnavailableError("cannot check session: auth gives no answer; try again") from error
        if answer.status_code == 401:
            raise UnauthenticatedError("cannot accept request: the session has ended; log in again")
        try:
            answer.raise_for_status()
            return Session.model_validate_json(answer.content).user
        except (httpx.HTTPStatusError, ValidationError) as error:
            raise UnavailableError(f"cannot check session: auth answered {answer.status_code}; try again") from error

    async def close(self) -> None:
        """Close the connections to auth."""
        if self._client is not None:
            await self._client.aclose()


@dataclass
class Gate:
    """ASGI middleware: session, role and body size, or an answer with `detail`; puts the user into request.state."""

    app: ASGIApp
    sessions: SessionCheck
    max_body_bytes: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit the request or answer it."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self.app(scope, receive, send)
            return
        try:
            user = await self._admit(scope)
        except BackendError as error:
            await make_answer(error)(scope, receive, send)
            return
        scope.setdefault("state", {})["user"] = user
        await self.app(scope, receive, send)

    async def _admit(self, scope: Scope) -> User:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if not scope["app"].state.resources.started:
            raise UnavailableError("cannot serve yet: PostgreSQL is not reached; try again")
        user = await self.sessions.find_user(headers.get(b"authorization", ""))
        if scope["method"] not in READING and user.role not in WRITERS:
            raise ForbiddenError(f"cannot {scope['method']} {scope['path']}: role {user.role} may only read")
        if b"transfer-encoding" in headers:
            raise LengthMissingError("cannot accept request: its body's length is unknown; send Content-Length")
        if int(headers.get(b"content-length", "0")) > self.max_body_bytes:
            limit = f"{self.max_body_bytes} bytes (MAX_BODY_BYTES)"
            raise TooLargeError(f"cannot accept request: its body is above {limit}")
        return user


def make_answer(error: BackendError) -> JSONResponse:
    """The error as the API shows it."""
    headers: dict[str, str] = {}
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    if error.status in {429, 503}:
        headers["Retry-After"] = "1"
    detail: Any = {"detail": str(error)}
    return JSONResponse(detail, status_code=error.status, headers=headers)

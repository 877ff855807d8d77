"""Who asks: the session behind a request, and the calls that are made in its name."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from frontend_service.errors import RefusedError, SessionLostError, UnavailableError
from frontend_service.services import Json, Name, Services
from frontend_service.tokens import Renewals, Tokens, read_tokens, write_cookies
from opsconductor_telemetry import client_address


@dataclass(frozen=True)
class User:
    """The logged-in user; role is viewer, operator or administrator."""

    id: str
    username: str
    role: str

    @property
    def can_write(self) -> bool:
        """May create, delete and run. The services decide; the pages only hide what would be refused."""
        return self.role in {"operator", "administrator"}

    @property
    def is_administrator(self) -> bool:
        """May manage users."""
        return self.role == "administrator"


class Session:
    """One request's calls to the services, with the user's token; the token is renewed once when it has expired."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._services: Services = request.app.state.services
        self._renewals: Renewals = request.app.state.renewals
        self._tokens = read_tokens(request.cookies)
        self._renewed = False
        self._deadline = get_deadline(request)
        self.user = User("", "", "")

    async def check(self) -> None:
        """Asks auth who the user is. Raises SessionLostError when nobody is logged in."""
        answer = await self.call("auth", "GET", "/api/auth/session")
        user = answer["user"]
        self.user = User(str(user["id"]), user["username"], user["role"])

    async def call(
        self,
        service: Name,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        query: dict[str, str | int] | None = None,
    ) -> Json:
        """The service's answer, as Services.call(); a 401 is tried once more with new tokens."""
        if not self._tokens.access:
            await self._renew(self._tokens)
        for attempt in (1, 2):
            used = self._tokens
            try:
                return await self._services.call(
                    service,
                    method,
                    path,
                    deadline=self._deadline,
                    headers={"Authorization": f"Bearer {used.access}", **forward_address(self._request)},
                    body=body,
                    query=query,
                )
            except RefusedError as error:
                if error.status != 401:
                    raise
                if attempt == 2:
                    raise SessionLostError("cannot go on: the session has ended") from error
            await self._renew(used)
        raise AssertionError("unreachable")

    async def _renew(self, used: Tokens) -> None:
        """New tokens in place of `used`, unless another call of this request has renewed them meanwhile."""
        if self._tokens != used:
            return
        if self._renewed or not used.refresh:
            raise SessionLostError("cannot go on: nobody is logged in")
        try:
            async with asyncio.timeout_at(self._deadline):
                tokens = await self._renewals.renew(used.refresh)
        except TimeoutError as error:
            raise UnavailableError("cannot reach auth: it does not answer in time; try again") from error
        self._tokens, self._renewed = tokens, True
        store_tokens(self._request, tokens)


async def open_session(request: Request) -> Session:
    """The session of a page that needs one; a FastAPI dependency."""
    session = Session(request)
    await session.check()
    request.state.session = session
    return session


Here = Annotated[Session, Depends(open_session)]


def get_deadline(request: Request) -> float:
    """The event loop's time at which this request must have its answers; the same for all of its calls."""
    if not hasattr(request.state, "deadline"):
        timeout_s: float = request.app.state.settings.page_timeout_s
        request.state.deadline = asyncio.get_running_loop().time() + timeout_s
    deadline: float = request.state.deadline
    return deadline


def store_tokens(request: Request, tokens: Tokens | None) -> None:
    """Puts the tokens into cookies of whatever response this request gets; None removes them."""
    secure = request.headers.get("X-Forwarded-Proto", request.url.scheme) == "https"
    request.state.cookies = write_cookies(tokens, secure)


def forward_address(request: Request) -> dict[str, str]:
    """X-Forwarded-For with the user's address, by which auth limits logins."""
    address = client_address(request.scope)
    return {"X-Forwarded-For": address} if address else {}

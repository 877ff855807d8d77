"""The session's two tokens: in cookies at the browser, renewed once however many requests ask for it."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie

from frontend_service.errors import RefusedError, SessionLostError
from frontend_service.services import Services

ACCESS, REFRESH = "opsconductor_access", "opsconductor_refresh"
REFRESH_MAX_AGE_S = 8 * 3600
RENEWAL_TIMEOUT_S = 5.0
RENEWAL_KEPT_S = 30.0
RENEWALS_KEPT = 1000


@dataclass(frozen=True)
class Tokens:
    """What the browser holds; an empty text is a missing token."""

    access: str = ""
    refresh: str = ""
    expires_in_s: int = 900


def read_tokens(cookies: Mapping[str, str]) -> Tokens:
    """The tokens among a request's cookies."""
    return Tokens(cookies.get(ACCESS, ""), cookies.get(REFRESH, ""))


def read_pair(answer: Mapping[str, object]) -> Tokens:
    """The tokens of auth's answer to login and refresh."""
    return Tokens(str(answer["access_token"]), str(answer["refresh_token"]), int(str(answer["expires_in"])))


def write_cookies(tokens: Tokens | None, secure: bool) -> list[str]:
    """The values of Set-Cookie that store the tokens, or remove them for None."""
    stored = tokens or Tokens()
    ages = ((ACCESS, stored.access, stored.expires_in_s), (REFRESH, stored.refresh, REFRESH_MAX_AGE_S))
    return [_write_cookie(name, value, age if tokens else 0, secure) for name, value, age in ages]


def _write_cookie(name: str, value: str, max_age_s: int, secure: bool) -> str:
    cookie: SimpleCookie = SimpleCookie({name: value})
    morsel = cookie[name]
    morsel.update({"path": "/", "max-age": str(max_age_s), "samesite": "Lax"})
    morsel["httponly"] = True
    if secure:
        morsel["secure"] = True
    return morsel.OutputString()


class Renewals:
    """Renews tokens through auth.

    A refresh token works once, and its second use ends the session. A browser that sends two requests at a time
    would log itself out, so that requests with the same refresh token share one renewal, for 30 s.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: OrderedDict[str, tuple[float, asyncio.Task[Tokens]]] = OrderedDict()

    async def renew(self, refresh: str) -> Tokens:
        """The new pair. Raises SessionLostError when auth refuses, UnavailableError when it is away."""
        self._forget()
        if refresh not in self._running:
            asked = asyncio.create_task(self._ask(refresh))
            asked.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may be left to ask
            self._running[refresh] = (time.monotonic(), asked)
        _, task = self._running[refresh]
        try:
            # A caller that gives up must not stop a renewal that auth may already have done.
            return await asyncio.shield(task)
        except RefusedError as error:
            raise SessionLostError(f"cannot renew the session: {error}") from error
        finally:
            if task.done() and (task.cancelled() or task.exception()):
                self._running.pop(refresh, None)

    async def _ask(self, refresh: str) -> Tokens:
        deadline = asyncio.get_running_loop().time() + RENEWAL_TIMEOUT_S
        body = {"refresh_token": refresh}
        return read_pair(await self._services.call("auth", "POST", "/api/auth/refresh", deadline=deadline, body=body))

    def _forget(self) -> None:
        while self._running:
            refresh, (started, task) = next(iter(self._running.items()))
            fresh = time.monotonic() - started < RENEWAL_KEPT_S
            if (fresh or not task.done()) and len(self._running) < RENEWALS_KEPT:
                return
            del self._running[refresh]

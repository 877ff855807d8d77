"""Logging in, staying logged in and logging out."""

import asyncio
from datetime import UTC, datetime

from fastapi import APIRouter, Request

from auth_service.api.access import Caller, Own
from auth_service.api.bodies import LoginBody, PasswordBody, RefreshBody, SessionAnswer, TokensAnswer
from auth_service.errors import RefusalError
from auth_service.metrics import LOGINS
from auth_service.passwords import verify_password
from auth_service.services import Services
from auth_service.sessions import Rotation
from auth_service.tables import User
from auth_service.users import Change, change_user, find_identity, find_user, record_login
from opsconductor_telemetry import client_address, get_logger

router = APIRouter()
log = get_logger(__name__)

WRONG = "cannot log in: wrong user name or password"
ENDED = "cannot refresh: the refresh token has ended; log in"


@router.post("/login")
async def log_in(body: LoginBody, request: Request, services: Own) -> TokensAnswer:
    """A new session. 401 wrong, 423 locked out, 429 too many from this address."""
    username = body.username.strip().lower()
    try:
        await services.rate_limit.take(client_address(request.scope))
        user = await check_password(services, username, body.password.get_secret_value())
        identity = await services.database.run(lambda db: record_login(db, user.id, datetime.now(UTC)))
    except RefusalError as refusal:
        reason = {401: "wrong user name or password", 423: "account locked", 429: "rate limit"}.get(refusal.status)
        LOGINS.add(result={423: "locked", 429: "limited"}.get(refusal.status, "refused"))
        log.warning("login refused", **{"user.name": username, "reason": reason or str(refusal)})
        raise
    session_id, tokens = await services.sessions.open(identity)
    LOGINS.add(result="succeeded")
    log.info("login succeeded", **{"user.name": username, "user.role": identity.role, "session.id": session_id})
    return TokensAnswer.of(tokens, identity)


async def check_password(services: Services, username: str, password: str) -> User:
    """The active user whose password it is; RefusalError 401 or 423. A failure counts towards the lock-out.

    The lock is asked for after the turn is taken: of many guesses sent at once, only those that are being checked
    when the account locks go through.
    """
    user = await services.database.run(lambda db: find_user(db, username))
    async with services.hashing.take_turn():
        await services.lock_out.check(username)
        encoded = None if user is None else user.password_hash
        right = await asyncio.to_thread(verify_password, encoded, password)
        if not right and await services.lock_out.count_failure(username):
            log.warning("account locked", **{"user.name": username, "lock_s": services.settings.lock_out_s})
    if user is None or not right:
        raise RefusalError(401, WRONG)
    await services.lock_out.clear(username)
    return user


@router.post("/refresh")
async def refresh(body: RefreshBody, services: Own) -> TokensAnswer:
    """A new pair of tokens for a refresh token, which dies. A token that was used before ends its session."""
    token = body.refresh_token.get_secret_value()
    session = await services.sessions.find_by_refresh(token)
    if session is None:
        raise RefusalError(401, ENDED)
    user = await services.database.run(lambda db: find_identity(db, session.user.id))
    if user is None:
        await services.sessions.end(session.id, session.user.id)
        raise RefusalError(401, ENDED)
    outcome, tokens = await services.sessions.rotate(session.id, token, user)
    if outcome is Rotation.REUSED:
        log.warning("refresh token reused", **{"user.name": user.username, "session.id": session.id})
    if outcome is not Rotation.ROTATED:
        raise RefusalError(401, ENDED)
    return TokensAnswer.of(tokens, user)


@router.post("/logout", status_code=204)
async def log_out(session: Caller, services: Own) -> None:
    """End the caller's session."""
    await services.sessions.end(session.id, session.user.id)
    log.info("logout", **{"user.name": session.user.username, "session.id": session.id})


@router.get("/session")
async def show_session(session: Caller) -> SessionAnswer:
    """The session check: who the bearer of the token is."""
    return SessionAnswer.of(session)


@router.post("/password", status_code=204)
async def change_password(body: PasswordBody, session: Caller, services: Own) -> None:
    """Change the caller's own password; the caller's other sessions end."""
    try:
        await check_password(services, session.user.username, body.current.get_secret_value())
    except RefusalError as refusal:
        log.warning("password change refused", **{"user.name": session.user.username, "reason": str(refusal)})
        if refusal.status == 401:
            # the caller's session is good, so 401 would send a client to the login for nothing
            raise RefusalError(403, "cannot change the password: the current one is wrong") from refusal
        raise
    password_hash = await services.hashing.hash(body.new.get_secret_value())
    await services.database.run(lambda db: change_user(db, session.user.id, Change(password_hash=password_hash)))
    await services.sessions.end_all(session.user.id, keep=session.id)
    log.info("password changed", **{"user.name": session.user.username})

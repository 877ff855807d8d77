"""Sessions and their tokens in Redis.

    auth:session:<id>      hash: user_id, username, role, expires_at, refresh (hash of the good refresh token)
    auth:access:<hash>     session id, for as long as the access token is good
    auth:refresh:<hash>    session id, of the good refresh token and of the used ones
    auth:user:<id>         sorted set of the user's session ids by end, for revoking them all
    auth:sessions          sorted set of all session ids by end, for counting them

Tokens are random and opaque; Redis holds only their SHA-256. A token is good only while its session exists, so one
deletion ends it all.
"""

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from redis.asyncio import Redis

from auth_service.roles import Role
from auth_service.users import Identity

MAX_SESSIONS_PER_USER = 500
"""Where a user opens more, the oldest end."""

SESSIONS = "auth:sessions"
TOKEN_BYTES = 32

# One step, because of two refreshes with one token exactly one may win.
_ROTATE = """
local current = redis.call('HGET', KEYS[1], 'refresh')
if not current then return 'ended' end
if current ~= ARGV[1] then return 'reused' end
redis.call('HSET', KEYS[1], 'refresh', ARGV[2], 'username', ARGV[3], 'role', ARGV[4], 'expires_at', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[7])
redis.call('SET', KEYS[2], ARGV[8], 'EX', ARGV[6])
redis.call('SET', KEYS[3], ARGV[8], 'EX', ARGV[7])
redis.call('ZADD', KEYS[4], ARGV[5], ARGV[8])
redis.call('EXPIRE', KEYS[4], ARGV[7])
redis.call('ZADD', KEYS[5], ARGV[5], ARGV[8])
redis.call('EXPIRE', KEYS[5], ARGV[7])
return 'rotated'
"""


@dataclass(frozen=True)
class Tokens:
    """A new pair; expires_in is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True)
class UserSession:
    """A session that is open: whose it is, and when it ends unless it is refreshed."""

    id: str
    expires_at: datetime
    user: Identity


class Rotation(StrEnum):
    """What became of a refresh: done, refused because the session has ended, or because the token was used before."""

    ROTATED = "rotated"
    ENDED = "ended"
    REUSED = "reused"


class SessionStore:
    """access_s, idle_s: seconds that an access token lives, and a session without a refresh."""

    def __init__(self, redis: Redis, access_s: int, idle_s: int) -> None:
        self._redis = redis
        self._access_s = access_s
        self._idle_s = idle_s
        self._rotate = redis.register_script(_ROTATE)

    async def open(self, user: Identity) -> tuple[str, Tokens]:
        """A new session: its id and its tokens."""
        session_id, tokens = secrets.token_hex(16), self._make_tokens()
        refresh, ends = _digest(tokens.refresh_token), self._end()
        async with self._redis.pipeline() as pipeline:
            pipeline.hset(_session(session_id), "user_id", str(user.id))
            pipeline.hset(_session(session_id), "username", user.username)
            pipeline.hset(_session(session_id), "role", user.role)
            pipeline.hset(_session(session_id), "expires_at", ends)
            pipeline.hset(_session(session_id), "refresh", refresh)
            pipeline.expire(_session(session_id), self._idle_s)
            pipeline.set(_access(tokens.access_token), session_id, ex=self._access_s)
            pipeline.set(f"auth:refresh:{refresh}", session_id, ex=self._idle_s)
            pipeline.zremrangebyscore(_user(user.id), "-inf", int(time.time()))
            pipeline.zadd(_user(user.id), {session_id: float(ends)})
            pipeline.expire(_user(user.id), self._idle_s)
            pipeline.zremrangebyscore(SESSIONS, "-inf", int(time.time()))
            pipeline.zadd(SESSIONS, {session_id: float(ends)})
            pipeline.expire(SESSIONS, self._idle_s)
            pipeline.zrange(_user(user.id), 0, -MAX_SESSIONS_PER_USER - 1)
            *_, surplus = await pipeline.execute()
        await self._end_sessions(user.id, surplus)
        return session_id, tokens

    async def check(self, access_token: str) -> UserSession | None:
        """The open session of an access token."""
        session_id = await self._redis.get(_access(access_token))
        return None if session_id is None else await self.find(str(session_id))

    async def find_by_refresh(self, refresh_token: str) -> UserSession | None:
        """The open session that a refresh token belongs to or once belonged to."""
        session_id = await self._redis.get(_refresh(refresh_token))
        return None if session_id is None else await self.find(str(session_id))

    async def find(self, session_id: str) -> UserSession | None:
        """The open session of that id."""
        fields = await self._redis.hgetall(_session(session_id))
        if not fields:
            return None
        user = Identity(int(fields["user_id"]), str(fields["username"]), Role(str(fields["role"])))
        return UserSession(session_id, datetime.fromtimestamp(float(fields["expires_at"]), UTC), user)

    async def rotate(self, session_id: str, refresh_token: str, user: Identity) -> tuple[Rotation, Tokens]:
        """Exchange the refresh token for a new pair, with the user as it is now.

        The tokens are good only where the outcome is ROTATED. A reused token ends the whole session, because nobody
        can tell whether its owner or a thief holds the newer one.
        """
        tokens = self._make_tokens()
        refresh = _digest(tokens.refresh_token)
        outcome = Rotation(
            await self._rotate(
                keys=[
                    _session(session_id), _access(tokens.access_token), f"auth:refresh:{refresh}", _user(user.id),
                    SESSIONS,
                ],
                args=[
                    _digest(refresh_token), refresh, user.username, user.role,
                    self._end(), self._access_s, self._idle_s, session_id,
                ],
            )
        )  # fmt: skip
        if outcome is Rotation.REUSED:
            await self.end(session_id, user.id)
        return outcome, tokens

    async def end(self, session_id: str, user_id: int) -> None:
        """End one session; its tokens die with it."""
        await self._end_sessions(user_id, [session_id])

    async def end_all(self, user_id: int, keep: str | None = None) -> int:
        """End every session of a user but the one to keep; how many there were."""
        ids = [one for one in map(str, await self._redis.zrange(_user(user_id), 0, -1)) if one != keep]
        await self._end_sessions(user_id, ids)
        return len(ids)

    async def count(self) -> int:
        """How many sessions are open."""
        return int(await self._redis.zcount(SESSIONS, time.time(), "inf"))

    async def _end_sessions(self, user_id: int, ids: list[str]) -> None:
        if not ids:
            return
        async with self._redis.pipeline() as pipeline:
            pipeline.delete(*map(_session, ids))
            pipeline.zrem(_user(user_id), *ids)
            pipeline.zrem(SESSIONS, *ids)
            await pipeline.execute()

    def _make_tokens(self) -> Tokens:
        return Tokens(secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES), self._access_s)

    def _end(self) -> str:
        """When a session that is refreshed now ends, in seconds; exact, so that a user's sessions have an order."""
        return f"{time.time() + self._idle_s:.6f}"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _session(session_id: str) -> str:
    return f"auth:session:{session_id}"


def _access(token: str) -> str:
    return f"auth:access:{_digest(token)}"


def _refresh(token: str) -> str:
    return f"auth:refresh:{_digest(token)}"


def _user(user_id: int) -> str:
    return f"auth:user:{user_id}"

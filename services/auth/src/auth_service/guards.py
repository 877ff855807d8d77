"""What stands before a login: a rate limit per client address and a lock-out per user, both in Redis."""

import hashlib
from ipaddress import IPv6Address, ip_address

from redis.asyncio import Redis

from auth_service.errors import RefusalError

RATE_WINDOW_S = 60


class RateLimit:
    """Logins that one client address may try in a minute (a fixed window from the first one)."""

    def __init__(self, redis: Redis, per_minute: int) -> None:
        self._redis = redis
        self._per_minute = per_minute

    async def take(self, address: str | None) -> None:
        """Count one login; RefusalError 429 when the minute's are used up."""
        count, left_s = await count_event(self._redis, f"auth:rate:{name_network(address)}", RATE_WINDOW_S)
        if count > self._per_minute:
            message = f"cannot log in: more than {self._per_minute} logins a minute from this address"
            raise RefusalError(429, f"{message} (LOGIN_RATE_PER_MINUTE); try again in {left_s} s", left_s)


class LockOut:
    """Failed logins of one user; names that no user has count as well, so that an answer tells nothing."""

    def __init__(self, redis: Redis, failures: int, lock_s: int) -> None:
        self._redis = redis
        self._failures = failures
        self._lock_s = lock_s

    async def check(self, username: str) -> None:
        """RefusalError 423 while the account is locked."""
        left_s = await self._redis.ttl(self._lock_key(username))
        if left_s > 0:
            message = f"cannot accept a password: the account is locked; try again in {left_s} s"
            raise RefusalError(423, message, left_s)

    async def count_failure(self, username: str) -> bool:
        """Count one failure; whether it has locked the account."""
        count, _ = await count_event(self._redis, self._failures_key(username), self._lock_s)
        if count < self._failures:
            return False
        async with self._redis.pipeline() as pipeline:
            pipeline.set(self._lock_key(username), "1", ex=self._lock_s, nx=True)
            pipeline.delete(self._failures_key(username))
            locked, _ = await pipeline.execute()
        return bool(locked)

    async def clear(self, username: str) -> None:
        """Forget the failures, after a good login."""
        await self._redis.delete(self._failures_key(username))

    async def unlock(self, username: str) -> None:
        """Forget failures and lock, after an administrator has set a new password."""
        await self._redis.delete(self._failures_key(username), self._lock_key(username))

    def _failures_key(self, username: str) -> str:
        return f"auth:failures:{_digest(username)}"

    def _lock_key(self, username: str) -> str:
        return f"auth:locked:{_digest(username)}"


async def count_event(redis: Redis, key: str, window_s: int) -> tuple[int, int]:
    """Count one event in a window that its first event opens: (events so far, whole seconds left)."""
    async with redis.pipeline() as pipeline:
        pipeline.set(key, 0, ex=window_s, nx=True)
        pipeline.incr(key)
        pipeline.ttl(key)
        _, count, left_s = await pipeline.execute()
    return int(count), max(int(left_s), 1)


def name_network(address: str | None) -> str:
    """What counts as one client: an IPv4 address, or the /64 that an IPv6 client can choose from at will."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)


def _digest(username: str) -> str:
    return hashlib.sha256(username.lower().encode("utf-8", "replace")).hexdigest()

"""What the HTTP handlers work with, put together once."""

from dataclasses import dataclass

from redis.asyncio import Redis

from auth_service.database import Database
from auth_service.guards import LockOut, RateLimit
from auth_service.passwords import Hashing
from auth_service.sessions import SessionStore
from auth_service.settings import Settings
from auth_service.store import connect_redis


@dataclass
class Services:
    """prepared: whether the schema is there and the administrator exists; before, requests get 503."""

    settings: Settings
    database: Database
    redis: Redis
    sessions: SessionStore
    rate_limit: RateLimit
    lock_out: LockOut
    hashing: Hashing
    prepared: bool = False

    async def close(self) -> None:
        """Close the connections."""
        await self.redis.aclose()
        await self.database.close()


def make_services(settings: Settings) -> Services:
    """The services of a process; nothing connects yet."""
    redis = connect_redis(settings)
    return Services(
        settings,
        Database(settings),
        redis,
        SessionStore(redis, settings.access_token_s, settings.refresh_token_idle_s),
        RateLimit(redis, settings.login_rate_per_minute),
        LockOut(redis, settings.lock_out_failures, settings.lock_out_s),
        Hashing(),
    )

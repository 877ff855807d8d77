"""The connection to Redis."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from auth_service.settings import Settings
from opsconductor_telemetry import instrument_redis, resolve_url

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 2.0
CONNECTIONS = 100


def connect_redis(settings: Settings) -> Redis:
    """A client with a bounded pool, for the address that the server's name stands for.

    A command is tried twice, because a pooled connection may be one that the server has closed meanwhile.
    """
    client: Redis = Redis.from_url(
        resolve_url(settings.redis_url),
        password=settings.redis_password or None,
        decode_responses=True,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        max_connections=CONNECTIONS,
        retry=Retry(NoBackoff(), 1),
    )
    instrument_redis(client)
    return client

"""The start: wait for PostgreSQL and Redis, migrate, create the administrator. The port is open meanwhile."""

import asyncio
import random

from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError

from auth_service.administrator import create_administrator
from auth_service.database import prepare_database
from auth_service.services import Services
from opsconductor_telemetry import get_logger, start_span

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

log = get_logger(__name__)


async def prepare(services: Services) -> None:
    """Return when the service can serve. Retries for as long as a server cannot be reached.

    Raises what waiting does not mend: SettingsError, or an error of a migration.
    """
    with start_span("start"):
        await _prepare_database(services)
        await _reach_redis(services)
        services.prepared = True
        log.info("service ready")


async def _prepare_database(services: Services) -> None:
    settings = services.settings
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            await asyncio.to_thread(
                prepare_database,
                settings,
                lambda session: create_administrator(session, settings.administrator_password_file),
            )
            return
        except (OperationalError, InterfaceError) as error:
            pause_s = await _pause("postgres", error.orig or error, pause_s)


async def _reach_redis(services: Services) -> None:
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            await services.redis.ping()
            return
        except RedisError as error:
            pause_s = await _pause("redis", error, pause_s)


async def _pause(server: str, error: BaseException, pause_s: float) -> float:
    """Say what is waited for, sleep, and return the next pause: twice as long, up to five seconds, with jitter."""
    log.warning("waiting for a server", server=server, reason=str(error).strip(), pause_s=round(pause_s, 2))
    await asyncio.sleep(pause_s)
    return min(pause_s * 2, LONGEST_PAUSE_S) * random.uniform(0.8, 1.0)

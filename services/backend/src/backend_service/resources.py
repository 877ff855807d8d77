"""What the three processes hold while they live: database, queue, and whether both have been reached."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import redis
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from backend_service.database import Sessions, is_migrated, migrate, open_engine, ping_database
from backend_service.queue import RunQueue
from backend_service.settings import Settings
from opsconductor_telemetry import get_logger

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

log = get_logger(__name__)


class SchemaMissingError(Exception):
    """The API process has not migrated the database yet."""


@dataclass
class Resources:
    """`started` becomes true when the schema is there; requests and work begin then."""

    settings: Settings
    engine: Engine
    sessions: Sessions
    queue: RunQueue
    started: bool = False
    checks: dict[str, Callable[[], None]] = field(default_factory=dict)

    def close(self) -> None:
        """Close the pools."""
        self.queue.close()
        self.engine.dispose()


def open_resources(settings: Settings) -> Resources:
    """Pools without a connection yet; `checks` holds what /ready asks."""
    engine = open_engine(settings)
    queue = RunQueue(settings)
    resources = Resources(settings, engine, Sessions(engine, expire_on_commit=False), queue)
    resources.checks = {"postgres": lambda: ping_database(engine), "redis": queue.ping}
    return resources


async def start_resources(resources: Resources, *, migrates: bool) -> None:
    """Wait for PostgreSQL, then for the schema (or make it), then for Redis; returns when all are there."""
    if migrates:
        await repeat_until_reached("postgres", lambda: migrate(resources.engine))
    else:
        await repeat_until_reached("postgres", lambda: require_schema(resources.engine))
    resources.started = True
    await repeat_until_reached("redis", resources.queue.ensure_group)


def require_schema(engine: Engine) -> None:
    """Raises SchemaMissingError until the API process has migrated."""
    if not is_migrated(engine):
        raise SchemaMissingError("the schema is not there yet; backend_service (the API process) makes it")


async def repeat_until_reached(dependency: str, attempt: Callable[[], None]) -> None:
    """Call `attempt` until it works, with pauses from 0.2 s doubling to 5 s and a line for each failure."""
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            await asyncio.to_thread(attempt)
            return
        except SchemaMissingError as error:
            log.info("waiting for the schema", reason=str(error), pause_s=pause_s)
        except (SQLAlchemyError, redis.RedisError) as error:
            log.warning("waiting for a dependency", dependency=dependency, error=str(error).strip(), pause_s=pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

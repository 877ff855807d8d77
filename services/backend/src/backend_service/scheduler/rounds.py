"""The scheduler's rounds: each repeats for ever, waits longer while PostgreSQL or Redis is away."""

import asyncio
from collections.abc import Callable

import redis
from sqlalchemy.exc import SQLAlchemyError

from backend_service.resources import Resources, start_resources
from backend_service.scheduler.firing import fire_due
from backend_service.scheduler.rescue import rescue_lost
from backend_service.scheduler.retention import drop_old
from opsconductor_telemetry import get_logger

FIRE_EVERY_S = 1.0
DROP_EVERY_S = 3600.0
OUTAGE_PAUSE_S = 5.0

log = get_logger(__name__)


async def keep_rounds(resources: Resources) -> None:
    """The scheduler's work until it is cancelled."""
    await start_resources(resources, migrates=False)
    log.info("scheduler started")
    rescue_every_s = resources.settings.requeue_after_s / 2
    async with asyncio.TaskGroup() as group:
        group.create_task(repeat(fire_due, resources, FIRE_EVERY_S))
        group.create_task(repeat(rescue_lost, resources, rescue_every_s))
        group.create_task(repeat(drop_old, resources, DROP_EVERY_S))


async def repeat(step: Callable[[Resources], None], resources: Resources, every_s: float) -> None:
    """Call the step with pauses; an outage is a line and a longer pause."""
    while True:
        pause_s = every_s
        try:
            await asyncio.to_thread(step, resources)
        except (SQLAlchemyError, redis.RedisError) as error:
            log.warning("scheduler round failed", round=step.__name__, error=str(error).strip())
            pause_s = max(every_s, OUTAGE_PAUSE_S)
        await asyncio.sleep(pause_s)

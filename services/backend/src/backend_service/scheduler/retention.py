"""Finished runs go after RUN_RETENTION_DAYS, with their results."""

from datetime import timedelta

from sqlalchemy import delete, func, select

from backend_service.models import Run
from backend_service.resources import Resources
from opsconductor_telemetry import get_logger

BATCH = 1000

log = get_logger(__name__)


def drop_old(resources: Resources) -> None:
    """Delete runs that finished too long ago, a thousand in a transaction."""
    before = func.now() - timedelta(days=resources.settings.run_retention_days)
    old = select(Run.id).where(Run.finished_at < before).limit(BATCH).with_for_update(skip_locked=True)
    while True:
        with resources.sessions.begin() as session:
            dropped = len(session.scalars(delete(Run).where(Run.id.in_(old)).returning(Run.id)).all())
        if dropped:
            log.info("old runs deleted", runs=dropped)
        if dropped < BATCH:
            return

"""Runs that wait without an entry in the stream: Redis was away at XADD, was flushed, or came back empty."""

from datetime import timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import defer

from backend_service.models import Run, RunStatus
from backend_service.resources import Resources
from opsconductor_telemetry import get_logger

BATCH = 500

log = get_logger(__name__)


def rescue_lost(resources: Resources) -> None:
    """Put runs that are queued, or running under a lease that has ended, into the stream where it lacks them."""
    last = 0
    while (reached := rescue_batch(resources, last)) is not None:
        last = reached


def rescue_batch(resources: Resources, after: int) -> int | None:
    """Look at the next runs above an id, unless another scheduler does; the last id, None when there are none."""
    before = func.now() - timedelta(seconds=resources.settings.requeue_after_s)
    with resources.sessions.begin() as session:
        runs = session.scalars(
            select(Run)
            .options(defer(Run.plan))
            .where(
                Run.id > after,
                or_(
                    and_(Run.status == RunStatus.QUEUED, Run.created_at < before),
                    and_(Run.status == RunStatus.RUNNING, Run.lease_until < before),
                ),
            )
            .order_by(Run.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        held = resources.queue.find_held((run.entry_id, run.id) for run in runs if run.entry_id)
        for run in runs:
            if run.id not in held:
                run.entry_id = resources.queue.enqueue(run.id, {"traceparent": run.traceparent})
                log.warning("run put into the stream again", run_id=run.id, job=run.job_name, trace_id=run.trace_id)
    return runs[-1].id if runs else None

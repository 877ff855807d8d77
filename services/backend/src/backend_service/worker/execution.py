"""One run: its actions in their order on each target, several targets at a time, a result recorded for each."""

import asyncio
import time
from typing import Any

from backend_service.actions import Endpoint
from backend_service.metrics import TARGETS
from backend_service.worker.leases import Claim, Leases, make_skipped
from opsconductor_telemetry import get_logger, start_span

log = get_logger(__name__)


async def execute(claim: Claim, leases: Leases, actions: asyncio.Semaphore) -> None:
    """Do what the claim's plan asks and earlier attempts have not recorded; at most `actions` at a time.

    Raises an ExceptionGroup of LeaseLostError or SQLAlchemyError when results can no longer be recorded.
    """
    async with asyncio.TaskGroup() as group:
        for target in claim.targets:
            group.create_task(execute_on_target(claim, target, leases, actions))


async def execute_on_target(claim: Claim, target: Endpoint, leases: Leases, actions: asyncio.Semaphore) -> None:
    """The actions on one target; the first that fails skips the rest."""
    failed = False
    for index in range(len(claim.actions)):
        status = claim.done.get((target.id, index))
        if status is None:
            if failed:
                result = make_skipped(target.id, target.name, index, claim.actions[index].kind)
            else:
                async with actions:
                    result = await execute_action(claim, target, index)
            await asyncio.to_thread(leases.record, claim, result)
            status = str(result["status"])
        failed = failed or status != "succeeded"
    TARGETS.note(target.id, up=not failed)


async def execute_action(claim: Claim, target: Endpoint, index: int) -> dict[str, Any]:
    """Run one action; its result as the table holds it."""
    action = claim.actions[index]
    started = time.monotonic()
    with start_span(f"action {action.kind}", run_id=claim.run_id, target=target.name, action_index=index) as span:
        outcome = await action.run(target)
        if not outcome.succeeded:
            span.fail("action failed", outcome.detail)
        duration_ms = round((time.monotonic() - started) * 1000)
        status = "succeeded" if outcome.succeeded else "failed"
        log.info(
            "action finished",
            run_id=claim.run_id,
            job=claim.job,
            target=target.name,
            action=action.kind,
            action_index=index,
            status=status,
            detail=outcome.detail,
            duration_ms=duration_ms,
        )
    return {
        "target_id": target.id,
        "target_name": target.name,
        "action_index": index,
        "action_kind": action.kind,
        "status": status,
        "detail": outcome.detail,
        "output": outcome.output,
        "duration_ms": duration_ms,
    }

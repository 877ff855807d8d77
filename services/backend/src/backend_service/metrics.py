"""What the processes count beside their requests, and what they look up when they are asked."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import func, select

from backend_service.models import Run, RunStatus, Schedule, Target
from backend_service.resources import Resources
from opsconductor_telemetry import Counter, Gauge, Histogram

Series = dict[tuple[str, ...], float]
LookUps = dict[Gauge, Callable[[], Awaitable[Series]]]

RUNS = Counter("job_runs_total", "Runs that have ended, by how.", labels=("status",))
for _status in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED):
    RUNS.declare(status=_status)

RUN_DURATION = Histogram(
    "job_run_duration_seconds",
    "Time from a run's start in this worker to its end.",
    unit="seconds",
    labels=("status",),
    bounds=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0),
)
QUEUE_DEPTH = Gauge("job_queue_depth", "Runs that are queued.")
SCHEDULE_LAG = Gauge("schedule_lag_seconds", "How long the schedule that is overdue longest is due.", unit="seconds")
TARGET_UP = Gauge("target_up", "Whether every action of the last run on a target succeeded.", labels=("target",))


class TargetStates:
    """By target id, what the last run of this worker found."""

    def __init__(self) -> None:
        self._up: dict[int, bool] = {}

    def note(self, target_id: int, *, up: bool) -> None:
        """Put it in the place of what was found before."""
        self._up[target_id] = up

    def look_up(self, resources: Resources) -> Series:
        """The series under the targets' names of now; targets that were deleted are forgotten."""
        with resources.sessions() as session:
            rows = session.execute(select(Target.id, Target.name).where(Target.id.in_(list(self._up))))
            names = dict(rows.tuples().all())
        for key in self._up.keys() - names.keys():
            self._up.pop(key, None)
        return {(name,): float(self._up[key]) for key, name in names.items()}


TARGETS = TargetStates()


def count_queued(resources: Resources) -> Series:
    """The queue's depth."""
    queued = select(func.count()).select_from(Run).where(Run.status == RunStatus.QUEUED)
    with resources.sessions() as session:
        return {(): float(session.scalar(queued) or 0)}


def measure_lag(resources: Resources) -> Series:
    """Seconds since the earliest time that is due; 0 where none is."""
    earliest = select(func.extract("epoch", func.now() - func.min(Schedule.next_run_at))).where(
        Schedule.enabled, Schedule.next_run_at <= func.now()
    )
    with resources.sessions() as session:
        return {(): float(session.scalar(earliest) or 0)}


def look_up_with(resources: Resources, wanted: dict[Gauge, Callable[[Resources], Series]]) -> LookUps:
    """The look-ups as /metrics takes them, each in a thread."""

    def wrap(look_up: Callable[[Resources], Series]) -> Callable[[], Awaitable[Series]]:
        return lambda: asyncio.to_thread(look_up, resources)

    return {gauge: wrap(look_up) for gauge, look_up in wanted.items()}

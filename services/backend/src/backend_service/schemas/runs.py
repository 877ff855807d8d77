"""Runs on the wire."""

from datetime import datetime

from backend_service.schemas.base import View


class ResultView(View):
    """What one action did to one target."""

    target_id: int
    target_name: str
    action_index: int
    action_kind: str
    status: str
    detail: str
    output: str
    duration_ms: int


class RunView(View):
    """A run without its results."""

    id: int
    job_id: int
    job_name: str
    number: int
    status: str
    trigger: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    trace_id: str


class RunDetail(RunView):
    """A run with the results recorded so far, by target and action."""

    results: list[ResultView]

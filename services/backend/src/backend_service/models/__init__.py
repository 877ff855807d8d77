"""The tables, a file per noun."""

from backend_service.models.base import Base
from backend_service.models.jobs import Job, JobTarget
from backend_service.models.runs import Result, Run, RunStatus, Trigger
from backend_service.models.schedules import Schedule
from backend_service.models.targets import Target

__all__ = ["Base", "Job", "JobTarget", "Result", "Run", "RunStatus", "Schedule", "Target", "Trigger"]

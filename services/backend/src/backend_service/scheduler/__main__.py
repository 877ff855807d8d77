"""`python -m backend_service.scheduler`: the scheduler process."""

import sys

from fastapi import FastAPI

from backend_service.metrics import SCHEDULE_LAG, measure_lag
from backend_service.process import build_process, run_process
from backend_service.scheduler.rounds import keep_rounds
from backend_service.settings import Settings


def build_scheduler(settings: Settings) -> FastAPI:
    """/health and /ready beside the rounds."""
    return build_process(settings, "OpsConductor scheduler", keep_rounds, {SCHEDULE_LAG: measure_lag})


sys.exit(run_process("scheduler", "127.0.0.1:8003", build_scheduler))

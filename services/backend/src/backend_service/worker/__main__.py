"""`python -m backend_service.worker`: the worker process."""

import sys

from fastapi import FastAPI

from backend_service.metrics import TARGET_UP, TARGETS
from backend_service.process import build_process, run_process
from backend_service.settings import Settings
from backend_service.worker.consumer import consume


def build_worker(settings: Settings) -> FastAPI:
    """/health and /ready beside the consumer."""
    return build_process(settings, "OpsConductor worker", consume, {TARGET_UP: TARGETS.look_up})


sys.exit(run_process("worker", "127.0.0.1:8002", build_worker))

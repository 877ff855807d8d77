"""`python -m backend_service`: the API process."""

import sys

from backend_service.application import build_application
from backend_service.process import run_process

sys.exit(run_process("backend", "127.0.0.1:8000", build_application))

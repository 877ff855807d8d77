"""Whose data a request is about. Spec: Loki multi-tenancy, header X-Scope-OrgID."""

import re
from typing import Final

from opsconductor.model.errors import InputError, LimitError

HEADER: Final = "X-Scope-OrgID"
SINGLE_TENANT: Final = "fake"
MAX_LENGTH: Final = 150

_NAME = re.compile(r"[a-zA-Z0-9!\-_.*'()]+")


def read_tenant(header: str, *, auth_enabled: bool) -> str:
    """The tenant: the header's where auth_enabled asks for one, else "fake". Raises LimitError (401), InputError."""
    if not auth_enabled:
        return SINGLE_TENANT
    if not header:
        raise LimitError(f"no org id: send the header {HEADER}, or set auth_enabled: false", "auth_enabled", 401)
    if len(header) > MAX_LENGTH or not _NAME.fullmatch(header) or header in (".", ".."):
        raise InputError(
            f'cannot use tenant "{header[:MAX_LENGTH]}": write one name of at most {MAX_LENGTH} letters, digits'
            " or !-_.*'()"
        )
    return header

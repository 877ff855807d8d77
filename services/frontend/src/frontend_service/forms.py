"""Forms: their bodies, and the rows of a job's actions as the API takes them."""

import shlex
from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import Request

from frontend_service.errors import FormError, TooLargeError
from frontend_service.protection import check_origin
from frontend_service.services import Json

MAX_FIELDS = 500
ACTION_ROWS = 5


class Form(dict[str, str]):
    """Field → value without the white space around it; `many` holds all values of a field, exactly as typed."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__((name, value.strip()) for name, value in pairs)
        self.many: dict[str, list[str]] = {}
        for name, value in pairs:
            self.many.setdefault(name, []).append(value)


async def read_form(request: Request) -> Form:
    """The form of a POST from this site; a FastAPI dependency.

    Raises ForbiddenError (another site), TooLargeError (above MAX_FORM_BYTES), FormError (not a form).
    """
    check_origin(request.method, request.headers)
    limit: int = request.app.state.settings.max_form_bytes
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise TooLargeError(f"cannot accept the form: it is larger than {limit} bytes (MAX_FORM_BYTES)")
    try:
        return Form(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise FormError(f"cannot read the form: {error}") from error


def read_whole(form: Mapping[str, str], field: str, label: str) -> int | None:
    """The whole number in a field, None where it is empty. Raises FormError that names the field by its label."""
    text = form.get(field, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise FormError(f"{label} must be a whole number, not “{text}”")
    return int(text)


def read_seconds(form: Mapping[str, str], field: str, label: str) -> float | None:
    """The number in a field, None where it is empty. Raises FormError that names the field by its label."""
    text = form.get(field, "")
    try:
        return float(text) if text else None
    except ValueError:
        raise FormError(f"{label} must be a number of seconds, not “{text}”") from None


def read_labels(text: str) -> dict[str, str]:
    """Lines or commas of name=value as an object. Raises FormError."""
    labels = {}
    for part in text.replace("\n", ",").split(","):
        name, equals, value = part.strip().partition("=")
        if not part.strip():
            continue
        if not equals or not name.strip():
            raise FormError(f"Labels must be written as name=value, not “{part.strip()}”")
        labels[name.strip()] = value.strip()
    return labels


def read_actions(form: Mapping[str, str]) -> list[Json]:
    """The actions in the rows that have a kind, in their order. Raises FormError that names the row."""
    actions = []
    for row in range(1, ACTION_ROWS + 1):
        kind = form.get(f"kind-{row}", "")
        if kind:
            actions.append(_read_action(form, row, kind))
    if not actions:
        raise FormError("A job needs at least one action: choose a kind in the first row")
    return actions


def _read_action(form: Mapping[str, str], row: int, kind: str) -> Json:
    action: Json = {"kind": kind}
    if kind == "http":
        action["method"] = form.get(f"method-{row}") or "GET"
        action["path"] = form.get(f"path-{row}") or "/"
        action["expect_status"] = read_whole(form, f"expect_status-{row}", f"Action {row}: expected status")
    elif kind == "command":
        try:
            action["argv"] = shlex.split(form.get(f"command-{row}", ""))
        except ValueError as error:
            raise FormError(f"Action {row}: the command cannot be split into words: {error}") from error
        if not action["argv"]:
            raise FormError(f"Action {row}: a command is missing")
    elif kind != "tcp":
        raise FormError(f"Action {row}: there is no kind “{kind}”")
    action["timeout_s"] = read_seconds(form, f"timeout_s-{row}", f"Action {row}: time limit")
    return {name: value for name, value in action.items() if value is not None}

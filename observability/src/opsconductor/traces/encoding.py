"""Envelopes and errors of the two generations of the query API. Spec: the original's http_handler and apiv3."""

from typing import Any, Final

import orjson

from opsconductor.model.errors import LimitError

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
"""Of errors, although their bodies are JSON: as the original sends them."""

NOT_FOUND: Final = 404


class NotFoundError(LimitError):
    """There is no such trace: 404."""

    def __init__(self, message: str) -> None:
        super().__init__(message, name="", status=NOT_FOUND)


def encode_error(endpoint: str, status: int, message: str) -> bytes:
    """The body of an error, in the form of the endpoint's generation."""
    if endpoint.startswith("v3/"):
        return orjson.dumps({"error": {"httpCode": status, "message": message}}) + b"\n"
    return encode_data(None, errors=[{"code": status, "msg": message}]) + b"\n"


def encode_data(data: Any, *, total: int = 0, errors: Any = None, pretty: bool = False) -> bytes:
    """A v1 answer."""
    answer = {"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2 if pretty else 0)

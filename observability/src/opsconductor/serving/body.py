"""Request bodies under a limit."""

from collections.abc import Callable

from starlette.types import Receive, Scope

from opsconductor.serving.errors import BodyTooLargeError


class ClientLeftError(Exception):
    """The client closed the connection before its request was complete: there is nobody to answer."""


async def read_body(
    scope: Scope, receive: Receive, limit: int, limit_name: str, take: Callable[[int], None] = lambda _size: None
) -> bytes:
    """The whole body, at most `limit` bytes.

    A body whose Content-Length is beyond the limit is refused before a byte of it is read. take: called with the
    size of each part as it arrives; may raise to refuse the body where all bodies together are too much.
    Raises BodyTooLargeError (413, naming `limit_name`) and ClientLeftError.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            raise BodyTooLargeError(limit, limit_name)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise BodyTooLargeError(limit, limit_name)
        take(len(part))
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)

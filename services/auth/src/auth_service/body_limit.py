"""ASGI middleware that refuses request bodies above a size, before they are in memory.

FastAPI's own limit (max_body_size) answers in plain text; this one's refusal takes the way of every other error.
"""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 * 1024


class BodyLimit:
    """Counts what arrives, whatever Content-Length says; more than MAX_BODY_BYTES is answered with 413."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        taken = 0

        async def receive_counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > MAX_BODY_BYTES:
                    raise HTTPException(413)
            return message

        await self.app(scope, receive_counted, send)

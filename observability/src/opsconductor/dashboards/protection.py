"""What guards the role against other sites: who sent a request, and the headers of every answer."""

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}
"""Styles inline: the editor and the charts write their own."""

SAFE_METHODS = frozenset(("GET", "HEAD"))


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether no other site's page sent it: browsers name the origin of every WebSocket and every changing request.

    Other clients may leave it out; they hold no cookie of somebody else.
    """
    origin = connection.headers.get("origin")
    return origin is None or origin.partition("//")[2] == connection.headers.get("host")


class HeadersMiddleware:
    """Adds HEADERS to every answer that has none of its own under these names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)

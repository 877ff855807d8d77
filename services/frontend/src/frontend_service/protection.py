"""What guards the pages against other sites, and the response headers that every page carries."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from frontend_service.errors import ForbiddenError

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def check_origin(method: str, headers: Headers) -> None:
    """Raises ForbiddenError for a writing request that another site made the browser send.

    Browsers say where a request comes from in Sec-Fetch-Site or, older ones, in Origin; a client that sends
    neither is no browser and holds no cookie of a victim (cookies are SameSite=Lax besides).
    """
    if method in SAFE_METHODS:
        return
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        allowed = site in {"same-origin", "none"}
    else:
        origin = headers.get("Origin")
        allowed = origin is None or urlsplit(origin).netloc == headers.get("Host", "")
    if not allowed:
        raise ForbiddenError("cannot accept the form: it was sent by another site; open the page here and try again")


def make_safe_path(path: str) -> str:
    """Where to go after login: a path of this site, or the start page."""
    local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if local else "/"


class PageHeadersMiddleware:
    """Adds the security headers, and the cookies that the request's handler left in its state."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_static = scope["path"].startswith("/static/")
        state = scope.setdefault("state", {})

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Cache-Control", "max-age=86400" if is_static else "no-store")
                for cookie in state.get("cookies", ()):
                    headers.append("Set-Cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_with_headers)

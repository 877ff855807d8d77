"""The routes of the dashboards role: log in, data sources, dashboards, the proxy, and the UI's files."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from opsconductor.dashboards.provisioning import DashboardLibrary, DataSource
from opsconductor.dashboards.proxy import Proxy
from opsconductor.dashboards.session import COOKIE, SESSION_S, USER, Sessions
from opsconductor_telemetry import client_address, get_logger

log = get_logger(__name__)

STATIC = Path(__file__).parent / "static"
ALL_METHODS = ["GET", "POST", "PUT", "DELETE"]
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}

Handler = Callable[[Request], Awaitable[Response]]


class Api:
    """The handlers."""

    def __init__(
        self, sources: list[DataSource], library: DashboardLibrary, sessions: Sessions, proxy: Proxy
    ) -> None:
        self._sources, self._library, self._sessions, self._proxy = sources, library, sessions, proxy

    def routes(self) -> list[BaseRoute]:
        """Every path; what is not named is a page of the UI."""
        proxied = "/api/datasources/proxy/uid/{uid}/{path:path}"
        return [
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route("/api/health", self.health, methods=["GET"]),
            Route("/api/user", self._guard(self.user), methods=["GET"]),
            Route("/api/datasources", self._guard(self.datasources), methods=["GET"]),
            Route(proxied, self._guard(self._proxy.pass_http), methods=ALL_METHODS),
            WebSocketRoute(proxied, self.tail),
            Route("/api/search", self._guard(self.search), methods=["GET"]),
            Route("/api/dashboards/uid/{uid}", self._guard(self.dashboard), methods=["GET"]),
            Route("/api/{rest:path}", self.missing, methods=ALL_METHODS),
            Route("/{path:path}", self.page, methods=["GET", "HEAD"]),
        ]

    def _is_known(self, connection: Request | WebSocket) -> bool:
        return self._sessions.is_valid(connection.cookies.get(COOKIE, ""))

    def _guard(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if not self._is_known(request):
                return JSONResponse({"message": "Unauthorized: log in first"}, 401)
            if request.method != "GET" and not _is_same_origin(request):
                return JSONResponse({"message": "refused: the request comes from another site"}, 403)
            return await handler(request)

        return guarded

    async def health(self, _request: Request) -> Response:
        """As the original's health check."""
        return JSONResponse({"database": "ok"})

    async def log_in(self, request: Request) -> Response:
        """Set the session cookie; JSON or a form with user and password."""
        if self._sessions.is_throttled():
            return JSONResponse({"message": "too many failed log-ins; wait a minute"}, 429, {"Retry-After": "60"})
        try:
            user, password = await _read_credentials(request)
        except ValueError:
            return JSONResponse({"message": "cannot read log-in: send user and password"}, 400)
        cookie = self._sessions.log_in(user, password)
        if cookie is None:
            log.warning("login refused", **{"user.name": user[:64], "client.address": client_address(request.scope)})
            return JSONResponse({"message": "wrong user or password"}, 401)
        answer = JSONResponse({"message": "Logged in"})
        secure = request.headers.get("x-forwarded-proto") == "https"
        answer.set_cookie(COOKIE, cookie, SESSION_S, httponly=True, samesite="strict", secure=secure)
        return answer

    async def log_out(self, _request: Request) -> Response:
        """Drop the session cookie."""
        answer = JSONResponse({"message": "Logged out"})
        answer.delete_cookie(COOKIE)
        return answer

    async def user(self, _request: Request) -> Response:
        """Who is logged in."""
        return JSONResponse({"login": USER, "isGrafanaAdmin": True})

    async def datasources(self, _request: Request) -> Response:
        """The data sources, without their addresses' credentials."""
        return JSONResponse(
            [
                {
                    "uid": one.uid,
                    "name": one.name,
                    "type": one.kind,
                    "url": f"/api/datasources/proxy/uid/{one.uid}",
                    "isDefault": one.is_default,
                    "jsonData": one.details,
                }
                for one in self._sources
            ]
        )

    async def search(self, request: Request) -> Response:
        """Dashboards whose title holds the query."""
        query = request.query_params.get("query", "").lower()
        return JSONResponse(
            [
                {
                    "uid": one.uid,
                    "title": one.title,
                    "folderTitle": one.folder,
                    "tags": list(one.tags),
                    "type": "dash-db",
                    "url": f"/d/{one.uid}",
                }
                for one in self._library.list()
                if query in one.title.lower()
            ]
        )

    async def dashboard(self, request: Request) -> Response:
        """One dashboard's JSON."""
        found = self._library.read(request.path_params["uid"])
        if found is None:
            return JSONResponse({"message": "Dashboard not found"}, 404)
        return JSONResponse({"dashboard": found, "meta": {"provisioned": True, "canSave": False}})

    async def missing(self, _request: Request) -> Response:
        """No such API."""
        return JSONResponse({"message": "Not found"}, 404)

    async def tail(self, socket: WebSocket) -> None:
        """A live tail through the proxy; a browser of another site is refused."""
        origin = socket.headers.get("origin")
        if not self._is_known(socket) or (origin and origin.partition("//")[2] != socket.headers.get("host")):
            await socket.close(4401)
            return
        await self._proxy.pass_websocket(socket)

    async def page(self, request: Request) -> Response:
        """A file of the UI, or its one page for every other path."""
        path = request.path_params["path"]
        if path == "":
            return RedirectResponse("/incident")
        file = (STATIC / path).resolve()
        if file.is_relative_to(STATIC) and file.is_file():
            cache = "public, max-age=31536000, immutable" if "/assets/" in f"/{path}" else "no-cache"
            return FileResponse(file, headers={**SECURITY_HEADERS, "Cache-Control": cache})
        index = STATIC / "index.html"
        if path.startswith("assets/") or not index.is_file():
            text = "Not found\n" if index.is_file() else "cannot show the UI: it was not built; run `make install`\n"
            return PlainTextResponse(text, 404)
        return FileResponse(index, headers={**SECURITY_HEADERS, "Cache-Control": "no-cache"})


def _is_same_origin(request: Request) -> bool:
    """Browsers name the origin of every request that changes something; other clients may leave it out."""
    origin = request.headers.get("origin")
    return origin is None or origin.partition("//")[2] == request.headers.get("host")


async def _read_credentials(request: Request) -> tuple[str, str]:
    body = await request.body()
    if "json" in request.headers.get("content-type", ""):
        data = await request.json()
        if not isinstance(data, dict):
            raise ValueError("not an object")
        return str(data.get("user", "")), str(data.get("password", ""))
    form = parse_qs(body.decode())
    return form.get("user", [""])[0], form.get("password", [""])[0]

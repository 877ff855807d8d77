"""The routes of the dashboards role: log in, data sources, dashboards, the proxy, and the UI's files."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from opsconductor.dashboards.protection import SAFE_METHODS, is_same_origin
from opsconductor.dashboards.provisioning import DashboardLibrary, DataSource
from opsconductor.dashboards.proxy import CLIENT_LEFT, PATH, Proxy
from opsconductor.dashboards.session import COOKIE, SESSION_S, USER, Sessions
from opsconductor.dashboards.tail import TailProxy
from opsconductor.serving.body import ClientLeftError, read_body
from opsconductor.serving.counters import Registry
from opsconductor_telemetry import client_address, get_logger

log = get_logger(__name__)

ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
MAX_LOGIN_BYTES = 64 * 1024
NOT_LOGGED_IN = 4401

Handler = Callable[[Request], Awaitable[Response]]


class Api:
    """The handlers."""

    def __init__(
        self,
        sources: list[DataSource],
        library: DashboardLibrary,
        sessions: Sessions,
        proxy: Proxy,
        tails: TailProxy,
        static: Path,
        registry: Registry,
    ) -> None:
        self._sources, self._library, self._sessions, self._static = sources, library, sessions, static
        self._proxy, self._tails = proxy, tails
        self._logins = registry.counter("opsconductor_dashboards_logins_total", "Log-ins by result.", ("result",))

    def routes(self) -> list[BaseRoute]:
        """Every path; what is not named is a page of the UI."""
        return [
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route("/api/health", self.health, methods=["GET"]),
            Route("/api/user", self._guard(self.user), methods=["GET"]),
            Route("/api/datasources", self._guard(self.datasources), methods=["GET"]),
            Route(PATH, self._guard(self._proxy.pass_http), methods=ALL_METHODS),
            WebSocketRoute(PATH, self.tail),
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
            if request.method not in SAFE_METHODS and not is_same_origin(request):
                return _refuse_site()
            return await handler(request)

        return guarded

    async def health(self, _request: Request) -> Response:
        """As the original's health check."""
        return JSONResponse({"database": "ok"})

    async def log_in(self, request: Request) -> Response:
        """Set the session cookie; JSON or a form with user and password."""
        if not is_same_origin(request):
            return _refuse_site()
        address = client_address(request.scope) or ""
        if self._sessions.is_throttled(address):
            self._logins.add(1, "limited")
            return JSONResponse({"message": "too many failed log-ins; wait a minute"}, 429, {"Retry-After": "60"})
        try:
            user, password = await _read_credentials(request)
        except ValueError:
            return JSONResponse({"message": "cannot read log-in: send user and password"}, 400)
        except ClientLeftError:
            return Response(status_code=CLIENT_LEFT)
        cookie = self._sessions.log_in(user, password, address)
        self._logins.add(1, "succeeded" if cookie else "refused")
        if cookie is None:
            shown = user[:64].encode(errors="replace").decode()
            log.warning("login refused", **{"user.name": shown, "client.address": address})
            return JSONResponse({"message": "wrong user or password"}, 401)
        answer = JSONResponse({"message": "Logged in"})
        secure = request.headers.get("x-forwarded-proto") == "https"
        answer.set_cookie(COOKIE, cookie, SESSION_S, httponly=True, samesite="strict", secure=secure)
        return answer

    async def log_out(self, request: Request) -> Response:
        """End the session and drop its cookie."""
        if not is_same_origin(request):
            return _refuse_site()
        await asyncio.to_thread(self._sessions.log_out, request.cookies.get(COOKIE, ""))
        answer = JSONResponse({"message": "Logged out"})
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    async def user(self, _request: Request) -> Response:
        """Who is logged in."""
        return JSONResponse({"login": USER, "isGrafanaAdmin": True})

    async def datasources(self, _request: Request) -> Response:
        """The data sources, without their addresses."""
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
                for one in await asyncio.to_thread(self._library.list_all)
                if query in one.title.lower()
            ]
        )

    async def dashboard(self, request: Request) -> Response:
        """One dashboard's JSON."""
        found = await asyncio.to_thread(self._library.find, request.path_params["uid"])
        if found is None:
            return JSONResponse({"message": "Dashboard not found"}, 404)
        meta = {"provisioned": True, "canSave": False, "folderTitle": found.folder, "url": f"/d/{found.uid}"}
        return JSONResponse({"dashboard": found.content, "meta": meta})

    async def missing(self, _request: Request) -> Response:
        """No such API."""
        return JSONResponse({"message": "Not found"}, 404)

    async def tail(self, socket: WebSocket) -> None:
        """A live tail through the proxy; a browser of another site is refused."""
        if not self._is_known(socket) or not is_same_origin(socket):
            await socket.close(NOT_LOGGED_IN)
            return
        await self._tails.pass_websocket(socket)

    async def page(self, request: Request) -> Response:
        """A file of the UI, or its one page for every other path."""
        path = request.path_params["path"]
        if path == "":
            return RedirectResponse("/incident")
        file = self._find_file(path)
        if file is not None:
            cache = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
            return FileResponse(file, headers={"Cache-Control": cache})
        index = self._find_file("index.html")
        if index is None:
            return PlainTextResponse("cannot show the UI: it was not built; run `make install`\n", 404)
        if path.startswith("assets/"):
            return PlainTextResponse("Not found\n", 404)
        return FileResponse(index, headers={"Cache-Control": "no-cache"})

    def _find_file(self, path: str) -> Path | None:
        """The UI's file of this path; None where there is none below its folder."""
        try:
            file = (self._static / path).resolve()
            return file if file.is_relative_to(self._static) and file.is_file() else None
        except (OSError, ValueError):  # a name that no file can have
            return None


def _refuse_site() -> Response:
    return JSONResponse({"message": "refused: the request comes from another site"}, 403)


async def _read_credentials(request: Request) -> tuple[str, str]:
    """User and password. Raises ValueError for anything else, ClientLeftError."""
    body = await read_body(request.scope, request.receive, MAX_LOGIN_BYTES, "the log-in's limit of a body")
    if "json" not in request.headers.get("content-type", ""):
        form = parse_qs(body.decode(), max_num_fields=10)
        return form.get("user", [""])[0], form.get("password", [""])[0]
    try:
        data = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    user, password = (data.get("user"), data.get("password")) if isinstance(data, dict) else (None, None)
    if not isinstance(user, str) or not isinstance(password, str):
        raise ValueError("not an object with user and password")  # noqa: TRY004 - as for everything unreadable
    return user, password

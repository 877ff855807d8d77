"""The data source proxy over HTTP: requests of the UI to a store, streamed both ways.

Cookies and credentials of the browser stay here, and so do the store's; the answer can set nothing on this origin.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import unquote, urlsplit

import httpx
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive

from opsconductor.dashboards.provisioning import DataSource
from opsconductor.model.errors import InputError
from opsconductor.serving.body import ClientLeftError, read_body
from opsconductor.serving.counters import Registry
from opsconductor_telemetry import get_logger, http_client

log = get_logger(__name__)

PATH = "/api/datasources/proxy/uid/{uid}/{path:path}"
_PREFIX = b"/api/datasources/proxy/uid/"
CONNECT_S = 5.0
MAX_BODY_BYTES = 4 * 1024 * 1024
CLIENT_LEFT = 499
PASSED_UP = frozenset(
    (
        "accept",
        "accept-encoding",
        "content-type",
        "x-scope-orgid",
        "x-query-tags",
        "x-loki-response-encoding-flags",
    )
)
PASSED_DOWN = frozenset(("content-encoding", "content-type", "cache-control", "retry-after"))
SANDBOX = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}
"""What a store answers is data: a page of it must not run as a page of this origin. As the original does."""


@dataclass(frozen=True)
class Place:
    """Where a request goes. url: without credentials, which are `user`."""

    source: DataSource
    url: str
    user: tuple[str, str] | None


class SourceTable:
    """The data sources by uid."""

    def __init__(self, sources: list[DataSource]) -> None:
        self._sources = {source.uid: source for source in sources}

    def locate(self, connection: HTTPConnection) -> Place | None:
        """Where the request goes; None where no data source has the uid.

        The path goes on as it was sent, with its escapes, so that %2F in a label's name stays one. Raises InputError
        for a path that would leave the data source's own.
        """
        raw: bytes = connection.scope["raw_path"]
        uid, slash, path = raw.removeprefix(_PREFIX).partition(b"/")
        if not raw.startswith(_PREFIX) or not slash:
            raise InputError("cannot find the data source: write its path without escapes")
        source = self._sources.get(unquote(uid.decode("ascii")))
        if source is None:
            return None
        text = path.decode("ascii")
        if any(part in (".", "..") for part in unquote(text).replace("\\", "/").split("/")):
            raise InputError("cannot pass the request on: its path must not hold . or .. as a part")
        query: bytes = connection.scope["query_string"]
        base, user = split_credentials(source.url)
        return Place(source, f"{base}/{text}" + (f"?{query.decode('latin-1')}" if query else ""), user)


def split_credentials(url: str) -> tuple[str, tuple[str, str] | None]:
    """The URL without what stands before @, and that as user and password."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, None
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return bare, (unquote(parts.username), unquote(parts.password or ""))


class Proxy:
    """Passes HTTP requests on. timeout_s: for the head of an answer and between its parts."""

    def __init__(self, sources: SourceTable, timeout_s: float, registry: Registry) -> None:
        self._sources, self._timeout_s = sources, timeout_s
        self._client = http_client(
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # else all users would share a store's
            follow_redirects=False,
        )
        self._requests = registry.counter(
            "opsconductor_dashboards_proxied_requests_total", "Requests passed on.", ("source", "status")
        )
        self._seconds = registry.histogram(
            "opsconductor_dashboards_proxied_seconds", "Time to the head of the answer.", ("source",)
        )

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def pass_http(self, request: Request) -> Response:
        """One request and its streamed answer; 502 where the store does not answer, 504 where it is too slow."""
        place = self._sources.locate(request)
        if place is None:
            return JSONResponse({"message": f"no data source has uid {request.path_params['uid']}"}, 404)
        started = time.perf_counter()
        response = await self._answer(request, place)
        self._requests.add(1, place.source.uid, str(response.status_code))
        self._seconds.observe(time.perf_counter() - started, place.source.uid)
        return response

    async def _answer(self, request: Request, place: Place) -> Response:
        name = place.source.name
        try:
            body = await read_body(request.scope, request.receive, MAX_BODY_BYTES, "the proxy's limit of a body")
            answer = await self._ask(request, place, body)
        except ClientLeftError:
            return Response(status_code=CLIENT_LEFT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            slow = isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout)
            reason = f"it did not answer within {self._timeout_s:g} s" if slow else str(error) or type(error).__name__
            log.warning("data source failed", source=name, reason=reason)
            return JSONResponse({"message": f"cannot ask {name}: {reason}"}, 504 if slow else 502)
        kept = {key: value for key, value in answer.headers.items() if key in PASSED_DOWN}
        return StreamingResponse(_stream(answer), answer.status_code, {**kept, **SANDBOX})

    async def _ask(self, request: Request, place: Place, body: bytes) -> httpx.Response:
        """The head of the answer. A client that leaves meanwhile takes its query along: ClientLeftError."""
        headers = {name: value for name, value in request.headers.items() if name in PASSED_UP}
        headers.setdefault("accept-encoding", "identity")
        asked = self._client.build_request(request.method, place.url, headers=headers, content=body or None)
        sending = asyncio.create_task(
            self._client.send(asked, stream=True, auth=place.user or httpx.USE_CLIENT_DEFAULT)
        )
        leaving = asyncio.create_task(_wait_until_left(request.receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise ClientLeftError
            return sending.result()
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.wait((sending, leaving))


async def _wait_until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stream(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes, compressed where the store compressed it."""
    try:
        async for part in answer.aiter_raw():
            yield part
    finally:
        await answer.aclose()

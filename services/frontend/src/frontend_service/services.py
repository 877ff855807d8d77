"""Calls of the two APIs behind the pages, each within the time that its page has left."""

import asyncio
from typing import Any, Literal

import httpx

from frontend_service.errors import RefusedError, UnavailableError
from opsconductor_telemetry import get_logger

Name = Literal["auth", "backend"]
Json = dict[str, Any]  # an API's answer: the pages show what it holds

log = get_logger(__name__)


class Services:
    """The auth and the backend service."""

    def __init__(self, client: httpx.AsyncClient, auth_url: str, backend_url: str) -> None:
        self._client = client
        self._urls: dict[Name, str] = {"auth": auth_url, "backend": backend_url}

    async def call(
        self,
        service: Name,
        method: str,
        path: str,
        *,
        deadline: float,
        headers: dict[str, str] | None = None,
        body: Json | None = None,
        query: dict[str, str | int] | None = None,
    ) -> Json:
        """The JSON object that the service answers; {} for an empty answer (204).

        deadline: the event loop's time at which waiting ends. Raises RefusedError for 4xx with the service's own
        words, UnavailableError for everything that is not the user's doing.
        """
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._client.request(
                    method, self._urls[service] + path, headers=headers, json=body, params=query
                )
        except TimeoutError as error:
            raise self._fail(service, "it does not answer in time") from error
        except httpx.HTTPError as error:
            raise self._fail(service, f"no connection ({type(error).__name__})") from error
        if response.status_code >= 500:
            raise self._fail(service, f"it answered {response.status_code}: {_read_detail(response)}")
        if response.status_code >= 400:
            raise RefusedError(_read_detail(response), response.status_code, _read_retry_after(response))
        return self._read_body(service, response)

    def _read_body(self, service: Name, response: httpx.Response) -> Json:
        if not response.content:
            return {}
        try:
            body = response.json()
        except ValueError as error:
            raise self._fail(service, "its answer is not JSON") from error
        if not isinstance(body, dict):
            raise self._fail(service, "its answer is not a JSON object")
        return body

    def _fail(self, service: Name, reason: str) -> UnavailableError:
        log.warning("service unavailable", peer=service, reason=reason)
        return UnavailableError(f"cannot reach {service}: {reason}; try again in a few seconds")


def _read_detail(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = None
    return detail if isinstance(detail, str) else f"the service answered {response.status_code} without a reason"


def _read_retry_after(response: httpx.Response) -> int | None:
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() else None

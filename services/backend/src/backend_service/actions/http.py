"""Action `http`: one request; succeeds when the answer has the expected status."""

import asyncio
import ssl
from functools import cache
from typing import Annotated, Literal

import httpx
from pydantic import Field

from backend_service.actions.outcome import OUTPUT_LIMIT, Endpoint, Outcome, decode_output
from backend_service.schemas.base import Body, Text
from opsconductor_telemetry import http_client

UNPACKED = {"Accept-Encoding": "identity"}  # a packed body may be a thousand times what comes in


@cache
def share_tls_context() -> ssl.SSLContext:
    """One TLS context for all requests: loading the authorities costs more than most requests."""
    return ssl.create_default_context()


class HttpAction(Body):
    """One request to the target's address with `path` appended; redirects are not followed."""

    kind: Literal["http"]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    path: Annotated[Text, Field(pattern=r"^/[^\s#]*$", max_length=2048)] = "/"
    expect_status: Annotated[int, Field(ge=100, le=599)] = 200
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 10

    async def run(self, target: Endpoint) -> Outcome:
        """Send the request; `output` is the body's first 64 KiB."""
        url = target.locate_url(self.path)
        try:
            async with asyncio.timeout(self.timeout_s):
                status, content = await self._send(url)
        except TimeoutError:
            return Outcome(succeeded=False, detail=f"{self.method} {url}: no answer within {self.timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Outcome(succeeded=False, detail=f"{self.method} {url}: {error or type(error).__name__}")
        if status != self.expect_status:
            detail = f"{self.method} {url}: answered {status}, expected {self.expect_status}"
            return Outcome(succeeded=False, detail=detail, output=decode_output(content))
        return Outcome(
            succeeded=True, detail=f"{self.method} {url}: answered {status}", output=decode_output(content)
        )

    async def _send(self, url: str) -> tuple[int, bytes]:
        """Status and the first bytes of the body, one more than fits the output where there are more."""
        content = b""
        async with (
            http_client(verify=share_tls_context(), timeout=self.timeout_s) as client,
            client.stream(self.method, url, headers=UNPACKED) as answer,
        ):
            async for piece in answer.aiter_raw(OUTPUT_LIMIT):
                content += piece
                if len(content) > OUTPUT_LIMIT:
                    break
        return answer.status_code, content[: OUTPUT_LIMIT + 1]

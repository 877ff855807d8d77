"""Action `tcp`: succeeds when the target's port accepts a connection."""

import asyncio
from typing import Annotated, Literal

from pydantic import Field

from backend_service.actions.outcome import Endpoint, Outcome
from backend_service.schemas.base import Body
from opsconductor_telemetry import resolve_address


class TcpAction(Body):
    """Connect and close; nothing is sent."""

    kind: Literal["tcp"]
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 5

    async def run(self, target: Endpoint) -> Outcome:
        """Connect to the host and port of the target's address."""
        try:
            host, port = target.locate_port()
        except ValueError as error:
            return Outcome(succeeded=False, detail=f"cannot connect to {target.address}: {error}")
        try:
            async with asyncio.timeout(self.timeout_s):
                _, writer = await asyncio.open_connection(*resolve_address(host, port))
        except TimeoutError:
            return Outcome(
                succeeded=False, detail=f"cannot connect to {host}:{port}: no answer within {self.timeout_s:g} s"
            )
        except OSError as error:
            return Outcome(succeeded=False, detail=f"cannot connect to {host}:{port}: {error.strerror or error}")
        writer.close()
        return Outcome(succeeded=True, detail=f"connected to {host}:{port}")

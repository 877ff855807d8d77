"""Our errors as HTTP answers: what was wrong, in plain text, with the status that tells a client whether to retry."""

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsconductor.model.errors import InputError, LimitError, OpsConductorError, UnavailableError

RETRY_AFTER_S = 1


class BodyTooLargeError(LimitError):
    """A request body is beyond the limit: 413."""

    def __init__(self, limit: int, name: str) -> None:
        super().__init__(
            f"cannot take this body: it is larger than {limit} bytes; send smaller batches or raise {name}",
            name=name,
            status=413,
        )


def describe_error(error: OpsConductorError) -> tuple[int, dict[str, str]]:
    """(status, extra headers): 400 for bad input, the limit's own status, 503 with Retry-After while unavailable."""
    if isinstance(error, InputError):
        return 400, {}
    if isinstance(error, LimitError):
        return error.status, ({"Retry-After": str(RETRY_AFTER_S)} if error.status == 429 else {})
    if isinstance(error, UnavailableError):
        return 503, {"Retry-After": str(RETRY_AFTER_S)}
    return 500, {}


def answer_error(error: OpsConductorError) -> Response:
    """The plain-text answer of an error."""
    status, headers = describe_error(error)
    return PlainTextResponse(f"{error}\n", status, headers)


class ErrorMiddleware:
    """Answers errors of ours that an app raises before it began to answer; others pass on to the server."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app; turn an error into its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except OpsConductorError as error:
            if started:
                raise
            await answer_error(error)(scope, receive, send)

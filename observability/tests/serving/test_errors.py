import httpx
import pytest
from starlette.routing import Route, Router

from opsconductor.model.errors import InputError, LimitError, OpsConductorError, UnavailableError
from opsconductor.serving.errors import ErrorMiddleware


async def get(app):
    transport = httpx.ASGITransport(ErrorMiddleware(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://role") as client:
        return await client.get("/")


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (InputError("cannot read it"), 400, None),
        (LimitError("cannot take so much", "max", 413), 413, None),
        (LimitError("cannot go so fast", "rate"), 429, "1"),
        (UnavailableError("cannot store now"), 503, "1"),
        (OpsConductorError("cannot do it"), 500, None),
    ],
)
async def test_an_error_becomes_its_status_and_its_message_the_body(error, status, retry_after):
    async def fail(_request):
        raise error

    answer = await get(Router([Route("/", fail)]))
    assert (answer.status_code, answer.text) == (status, f"{error}\n")
    assert answer.headers.get("retry-after") == retry_after
    assert answer.headers["content-type"].startswith("text/plain")


async def test_other_exceptions_pass():
    async def fail(_request):
        raise KeyError("ours to fix")

    with pytest.raises(KeyError):
        await get(Router([Route("/", fail)]))


async def test_an_answer_under_way_is_not_followed_by_another():
    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise InputError("too late")

    with pytest.raises(InputError):
        await get(app)

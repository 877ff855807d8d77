from collections.abc import Iterator

import pytest
import redis
from redis import asyncio as redis_asyncio
from support.servers import RedisServer, start_redis

from opsconductor_telemetry import instrument_redis, start_span
from opsconductor_telemetry.instruments import QUERIED


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[RedisServer]:
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


def count(operation: str) -> int:
    found = dict(QUERIED.collect_distributions()).get(("redis", operation, ""))
    return sum(found.counts) if found else 0


def describe(spans) -> list[tuple[str, str, bool]]:
    return [(span.name, span.kind, span.failed) for span in spans]


EXPECTED = [
    ("SET", "client", False),
    ("MULTI", "client", False),
    ("PIPELINE", "client", False),
    ("EVALSHA", "client", True),  # the server does not know the script yet
    ("SCRIPT LOAD", "client", False),
    ("EVALSHA", "client", False),
    ("LPUSH", "client", True),
    ("work", "internal", False),
]


def test_commands_pipelines_and_scripts_are_children(server, exported) -> None:
    with server.connect() as client:
        client.flushall()
        client.script_flush()
        instrument_redis(client)
        with start_span("work"):
            client.set("secret key", "secret value")
            for transaction in (True, False):
                with client.pipeline(transaction=transaction) as pipeline:
                    pipeline.get("secret key")
                    pipeline.delete("secret key")
                    assert pipeline.execute() == ["secret value" if transaction else None, 1 if transaction else 0]
            assert client.register_script("return 'done'")() == "done"
            with pytest.raises(redis.ResponseError):
                client.execute_command("LPUSH", "a")
    spans = exported()
    assert describe(spans) == EXPECTED
    assert spans[1].attributes == {
        "db.system.name": "redis",
        "db.operation.name": "MULTI",
        "db.operation.batch.size": 2,
    }
    assert "secret" not in str(spans)
    assert {span.parent_id for span in spans[:-1]} == {spans[-1].span_id}


async def test_so_they_are_with_asyncio(server, exported) -> None:
    client = redis_asyncio.Redis.from_url(
        server.url, password=server.password_file.read_text(), decode_responses=True
    )
    async with client:
        await client.flushall()
        await client.script_flush()
        instrument_redis(client)
        with start_span("work"):
            await client.set("secret key", "secret value")
            for transaction in (True, False):
                async with client.pipeline(transaction=transaction) as pipeline:
                    pipeline.get("secret key")
                    pipeline.delete("secret key")
                    assert (await pipeline.execute())[1] == (1 if transaction else 0)
            assert await client.register_script("return 'done'")() == "done"
            with pytest.raises(redis.ResponseError):
                await client.execute_command("LPUSH", "a")
    spans = exported()
    assert describe(spans) == EXPECTED
    assert "secret" not in str(spans)


def test_outside_of_a_trace_a_command_is_counted_only(server, exported) -> None:
    with server.connect() as client:
        instrument_redis(client)
        before = count("PING")
        client.ping()
    assert exported() == []
    assert count("PING") == before + 1


def test_an_unreachable_server_is_a_failure(exported) -> None:
    client = redis.Redis(port=1, retry=None)
    instrument_redis(client)
    with start_span("work"), pytest.raises(redis.ConnectionError):
        client.get("x")
    failed, _ = exported()
    assert (failed.name, failed.attributes["error.type"]) == ("GET", "redis.exceptions.ConnectionError")

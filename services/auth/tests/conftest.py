"""Real PostgreSQL and Redis for the whole run; a database and a running service for a test module."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from auth_service.database import Database, prepare_database
from auth_service.settings import Settings, read_settings
from auth_service.store import connect_redis

sys.path.insert(0, str(Path(__file__).parents[3] / "tests"))
sys.path.insert(0, str(Path(__file__).parent))

from service import RunningService, start_service
from support.servers import PostgresServer, RedisServer, start_postgres, start_redis


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = start_postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def environment(
    request: pytest.FixtureRequest,
    postgres: PostgresServer,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """What the service's process is given: a database of the module's own, and an emptied Redis."""
    with redis_server.connect() as connection:
        connection.flushdb()
    url = postgres.create_database(f"auth_{Path(request.path).stem}")
    return make_environment(url, postgres, redis_server.url, redis_server, tmp_path_factory.mktemp("secrets"))


def make_environment(
    database_url: str, postgres: PostgresServer, redis_url: str, redis_server: RedisServer, folder: Path
) -> dict[str, str]:
    return {
        "LISTEN": "127.0.0.1:0",
        "DATABASE_URL": database_url,
        "DATABASE_PASSWORD_FILE": str(postgres.password_file),
        "REDIS_URL": redis_url,
        "REDIS_PASSWORD_FILE": str(redis_server.password_file),
        "ADMINISTRATOR_PASSWORD_FILE": str(folder / "administrator"),
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return read_settings(environment)


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    """An empty Redis."""
    client = connect_redis(settings)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture(scope="module")
def schema(environment: dict[str, str]) -> None:
    prepare_database(read_settings(environment), lambda session: None)


@pytest.fixture
async def database(settings: Settings, schema: None) -> AsyncIterator[Database]:
    """A database with the schema and without rows."""
    database = Database(settings)
    await database.run(lambda session: session.execute(text("TRUNCATE users RESTART IDENTITY")))
    yield database
    await database.close()


@pytest.fixture(scope="session")
def service(
    postgres: PostgresServer, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """The service as it runs in production, for the tests of the API; the rate limit is out of the way."""
    folder = tmp_path_factory.mktemp("service")
    url = postgres.create_database("auth_service")
    environment = make_environment(url, postgres, redis_server.database_url(1), redis_server, folder)
    running = start_service(environment, folder, LOGIN_RATE_PER_MINUTE="10000")
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()

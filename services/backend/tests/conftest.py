"""Real PostgreSQL and Redis for the whole run, and fresh worlds (database, queue, processes) in them."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import PostgresServer, RedisServer, start_postgres, start_redis

sys.path.insert(0, str(Path(__file__).parent))

from backend_world import Api, World, make_template, start_api

NUMBERS = itertools.count()  # the databases of one session, module or test each; so are Redis's 2, 1 and 0


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


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    return make_template(postgres)


@pytest.fixture
def world(postgres: PostgresServer, redis_server: RedisServer, template: str, tmp_path: Path) -> Iterator[World]:
    """A migrated database without the self-check, an empty Redis, no process yet."""
    with World(postgres, redis_server, f"world_{next(NUMBERS)}", template, tmp_path, 0) as made:
        yield made


@pytest.fixture(scope="module")
def shared_world(
    postgres: PostgresServer, redis_server: RedisServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """As `world`, for tests that can share one."""
    with World(
        postgres, redis_server, f"world_{next(NUMBERS)}", template, tmp_path_factory.mktemp("world"), 1
    ) as made:
        yield made


@pytest.fixture(scope="session")
def api(
    postgres: PostgresServer, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """The API process with the real auth service; its database begins empty and is migrated by it."""
    folder = tmp_path_factory.mktemp("api")
    with World(postgres, redis_server, f"world_{next(NUMBERS)}", None, folder, 2) as made, start_api(made) as started:
        yield started

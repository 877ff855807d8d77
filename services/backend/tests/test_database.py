"""Migrations over a real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from backend_world import World
from sqlalchemy import inspect, text
from support.servers import PostgresServer

from backend_service.database import is_migrated, locate_database, make_migration_config, migrate, open_engine
from backend_service.models import Base
from backend_service.settings import load_settings


def test_the_revisions_make_what_the_models_say(world: World) -> None:
    with world.resources.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_migrating_at_the_same_time_seeds_once(postgres: PostgresServer) -> None:
    environment = {
        "DATABASE_URL": postgres.create_database("migrated_twice"),
        "DATABASE_PASSWORD_FILE": str(postgres.password_file),
    }
    engine = open_engine(load_settings(environment, "127.0.0.1:0"))
    assert not is_migrated(engine)
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(migrate, [engine] * 3))
    assert is_migrated(engine)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT name FROM jobs")).scalars().all() == ["Platform self-check"]
        assert connection.execute(text("SELECT count(*) FROM targets")).scalar() == 6
        assert connection.execute(text("SELECT interval_s FROM schedules")).scalars().all() == [60]
        connection.execute(text("DELETE FROM jobs"))
    migrate(engine)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM jobs")).scalar() == 0, "a deleted self-check stays so"
        config = make_migration_config()
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_a_socket_folder_is_followed(postgres: PostgresServer) -> None:
    settings = load_settings(
        {
            "DATABASE_URL": postgres.socket_url("postgres"),
            "DATABASE_PASSWORD_FILE": str(postgres.password_file),
        },
        "127.0.0.1:0",
    )
    engine = open_engine(settings)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT inet_server_addr()")) is None
    engine.dispose()


def test_a_name_goes_through_the_address_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSCONDUCTOR_ADDRESSES", '{"postgres:5432": "127.0.0.1:15432"}')
    url = locate_database(load_settings({}, "127.0.0.1:0"))
    assert (url.host, url.port, url.database) == ("127.0.0.1", 15432, "backend")

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from auth_service.database import Database, make_engine, prepare_database
from auth_service.settings import Settings
from auth_service.tables import Base


async def test_migrations_make_what_the_tables_say(settings: Settings, database: Database) -> None:
    engine = make_engine(settings)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_processes_that_start_at_once_prepare_one_after_the_other(settings: Settings) -> None:
    inside, most, failures = 0, 0, []
    guard = threading.Lock()

    def enter(session: Session) -> None:
        nonlocal inside, most
        with guard:
            inside += 1
            most = max(most, inside)
        session.execute(text("SELECT pg_sleep(0.05)"))
        with guard:
            inside -= 1

    def prepare() -> None:
        try:
            prepare_database(settings, enter)
        except SQLAlchemyError as error:
            failures.append(error)

    threads = [threading.Thread(target=prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, failures) == (1, [])


async def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def insert(session: Session) -> None:
        session.execute(text("INSERT INTO users (username, password_hash, role) VALUES ('ada', 'x', 'viewer')"))
        raise KeyError("after the insert")

    with pytest.raises(KeyError):
        await database.run(insert)
    assert await database.run(lambda session: session.scalar(text("SELECT count(*) FROM users"))) == 0


async def test_a_statement_that_hangs_is_ended_and_its_values_are_not_shown(database: Database) -> None:
    statement = text("SELECT pg_sleep(60), :value")
    with pytest.raises(OperationalError, match="statement timeout") as caught:
        await database.run(lambda session: session.execute(statement, {"value": "the-password-hash"}))
    assert "the-password-hash" not in str(caught.value)


async def test_the_pool_outlives_lost_connections(database: Database, postgres) -> None:
    await database.run(lambda session: session.execute(text("SELECT 1")).close())
    with postgres.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'auth'")
    assert await database.run(lambda session: session.scalar(text("SELECT 1"))) == 1

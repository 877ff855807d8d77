"""PostgreSQL: short transactions in threads, and the schema at start.

SQLAlchemy is used synchronously, in a bounded number of threads: the queries are a handful of primary-key reads,
asyncio's form of SQLAlchemy would bring greenlet into every call, and the session check, which every request of
the platform makes, needs Redis only.
"""

import asyncio
from collections.abc import Callable
from importlib.resources import as_file, files
from typing import TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from auth_service.settings import Settings
from opsconductor_telemetry import instrument_sqlalchemy, resolve_url

CONNECTIONS = 5
CONNECT_TIMEOUT_S = 3
STATEMENT_TIMEOUT_MS = 3000
"""No statement of ours takes longer, and a stopping process waits for the running one."""

MIGRATION_LOCK = 7_201_001
"""Key of the advisory lock under which one process at a time migrates."""

Result = TypeVar("Result")


class Database:
    """The pool of connections; run() is the only way to it."""

    def __init__(self, settings: Settings) -> None:
        self._engine = make_engine(settings)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._threads = asyncio.Semaphore(CONNECTIONS)

    async def run(self, work: Callable[[Session], Result]) -> Result:
        """work(session) in a thread and a transaction, which its return commits and its exception rolls back."""
        async with self._threads:
            return await asyncio.to_thread(self._transact, work)

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._engine.dispose)

    def _transact(self, work: Callable[[Session], Result]) -> Result:
        with self._sessions.begin() as session:
            return work(session)


def make_engine(settings: Settings) -> Engine:
    """An engine for the address that the database's name stands for."""
    url = make_url(resolve_url(settings.database_url))
    if settings.database_password:
        url = url.set(password=settings.database_password)
    options = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={STATEMENT_TIMEOUT_MS}"
    arguments = {"connect_timeout": CONNECT_TIMEOUT_S, "options": options, "application_name": "auth"}
    engine = create_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,  # an error's text goes into the log, and parameters hold password hashes
        connect_args=arguments,
    )
    instrument_sqlalchemy(engine)
    return engine


def prepare_database(settings: Settings, then: Callable[[Session], None]) -> None:
    """Bring the schema up to date, then call then(session), all in one transaction under an advisory lock.

    Several processes may do so at once: the later ones find everything done.
    """
    engine = make_engine(settings)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            migrate(connection)
            with Session(connection, join_transaction_mode="create_savepoint") as session:
                then(session)
                session.commit()
    finally:
        engine.dispose()


def migrate(connection: Connection) -> None:
    """Run the migrations that the database has not seen, inside the connection's transaction."""
    with as_file(files("auth_service.migrations")) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

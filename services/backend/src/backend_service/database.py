"""The PostgreSQL database: engine, sessions, migrations."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session, sessionmaker

from backend_service.settings import Settings
from opsconductor_telemetry import instrument_sqlalchemy, resolve_url

MIGRATION_LOCK = 0x6F70_7362  # "opsb"; auth migrates a database of its own under its own number
STATEMENT_TIMEOUT_MS = 15_000
CONNECT_TIMEOUT_S = 3

Sessions = sessionmaker[Session]


def locate_database(settings: Settings) -> URL:
    """The database's URL with its name resolved by the address table and the password put in."""
    url = make_url(resolve_url(settings.database_url))
    if settings.database_password is not None:
        url = url.set(password=settings.database_password)
    return url


def open_engine(settings: Settings) -> Engine:
    """A pool of at most 16 connections; nothing is connected yet."""
    engine = create_engine(
        locate_database(settings),
        pool_size=8,
        max_overflow=8,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC",
        },
    )
    instrument_sqlalchemy(engine)
    return engine


def make_migration_config() -> Config:
    """Alembic's configuration: the scripts lie inside the package."""
    config = Config()
    config.set_main_option("script_location", "backend_service:migrations")
    config.set_main_option("path_separator", "os")
    return config


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision, in one transaction, one process at a time."""
    config = make_migration_config()
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_migrated(engine: Engine) -> bool:
    """Whether the schema is at the newest revision that this package knows."""
    head = ScriptDirectory.from_config(make_migration_config()).get_current_head()
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return False
        return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) == head)


def ping_database(engine: Engine) -> None:
    """One round trip; raises SQLAlchemyError when the database cannot be reached."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))

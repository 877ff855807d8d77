"""PostgreSQL, from its statistics views, under postgres_exporter's names."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo

from opsconductor.exporters.family import Family, counter, gauge
from opsconductor.model.address import resolve_address

TIMEOUT_S = 3

DATABASES = """
SELECT d.datname, d.oid::text, s.numbackends, s.xact_commit, s.xact_rollback, s.blks_read, s.blks_hit, s.tup_returned,
  s.tup_fetched, s.tup_inserted, s.tup_updated, s.tup_deleted, s.conflicts, s.temp_bytes, s.deadlocks,
  s.blk_read_time / 1000, s.blk_write_time / 1000
FROM pg_stat_database s JOIN pg_database d ON d.oid = s.datid WHERE NOT d.datistemplate"""
DATABASE_COLUMNS = (
    ("numbackends", "gauge", "Backends connected."),
    ("xact_commit", "counter", "Transactions committed."),
    ("xact_rollback", "counter", "Transactions rolled back."),
    ("blks_read", "counter", "Disk blocks read."),
    ("blks_hit", "counter", "Blocks found in the buffer cache."),
    ("tup_returned", "counter", "Rows returned by queries."),
    ("tup_fetched", "counter", "Rows fetched by queries."),
    ("tup_inserted", "counter", "Rows inserted."),
    ("tup_updated", "counter", "Rows updated."),
    ("tup_deleted", "counter", "Rows deleted."),
    ("conflicts", "counter", "Queries cancelled by conflicts with recovery."),
    ("temp_bytes", "counter", "Bytes written to temporary files."),
    ("deadlocks", "counter", "Deadlocks."),
    ("blk_read_time", "counter", "Seconds spent reading blocks."),
    ("blk_write_time", "counter", "Seconds spent writing blocks."),
)
SIZES = "SELECT datname, pg_database_size(datname) FROM pg_database WHERE NOT datistemplate AND datallowconn"
ACTIVITY = """
SELECT datname, state, count(*), coalesce(max(extract(epoch FROM now() - xact_start)), 0)
FROM pg_stat_activity WHERE datname IS NOT NULL AND state IS NOT NULL GROUP BY 1, 2"""
LOCKS = (
    "SELECT d.datname, lower(l.mode), count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database GROUP BY 1, 2"
)
SETTINGS = "SELECT setting::float FROM pg_settings WHERE name = 'max_connections'"
STARTED = "SELECT extract(epoch FROM pg_postmaster_start_time())"


@dataclass(frozen=True)
class PostgresAddress:
    """Where the server is and who asks; the password may be ""."""

    host: str
    port: int
    user: str
    password: str
    database: str


def collect_postgres(address: PostgresAddress) -> list[Family]:
    """pg_up, and everything else when it is 1. Blocks for up to TIMEOUT_S; runs in a thread."""
    host, port = resolve_address(address.host, address.port)
    conninfo = make_conninfo(
        host=host,
        port=port,
        user=address.user,
        password=address.password,
        dbname=address.database,
        connect_timeout=TIMEOUT_S,
        options=f"-c statement_timeout={TIMEOUT_S * 1000}",
        application_name="opsconductor-exporter",
    )
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            families = _read(connection)
    except psycopg.Error:
        return [gauge("pg_up", "Whether the last scrape could connect to the server (1 for yes, 0 for no).", 0)]
    return [
        gauge("pg_up", "Whether the last scrape could connect to the server (1 for yes, 0 for no).", 1),
        *families,
    ]


def _read(connection: psycopg.Connection[tuple[object, ...]]) -> list[Family]:
    version = str(connection.execute("SHOW server_version").fetchall()[0][0])
    families = [
        gauge("pg_static", "Version string as reported by postgres.", 1, version=version, short_version=version)
    ]
    families += _read_databases(connection.execute(DATABASES).fetchall())
    sizes = gauge("pg_database_size_bytes", "Disk space used by the database.")
    for name, size in connection.execute(SIZES).fetchall():
        sizes.add(_number(size), datname=str(name))
    activity = gauge("pg_stat_activity_count", "Number of connections in this state.")
    longest = gauge(
        "pg_stat_activity_max_tx_duration", "Max duration in seconds any active transaction has been running."
    )
    for name, state, count, seconds in connection.execute(ACTIVITY).fetchall():
        activity.add(_number(count), datname=str(name), state=str(state))
        longest.add(_number(seconds), datname=str(name), state=str(state))
    locks = gauge("pg_locks_count", "Number of locks.")
    for name, mode, count in connection.execute(LOCKS).fetchall():
        locks.add(_number(count), datname=str(name), mode=str(mode))
    most = _number(connection.execute(SETTINGS).fetchall()[0][0])
    started = _number(connection.execute(STARTED).fetchall()[0][0])
    return [
        *families,
        sizes,
        activity,
        longest,
        locks,
        gauge("pg_settings_max_connections", "Server Parameter: max_connections.", most),
        gauge("pg_postmaster_start_time_seconds", "Time at which postmaster started.", started),
    ]


def _read_databases(rows: Sequence[tuple[object, ...]]) -> list[Family]:
    families = [
        (counter if kind == "counter" else gauge)(f"pg_stat_database_{name}", help_text)
        for name, kind, help_text in DATABASE_COLUMNS
    ]
    for database, number, *values in rows:
        for family, value in zip(families, values, strict=True):
            family.add(_number(value), datname=str(database), datid=str(number))
    return families


def _number(value: object) -> float:
    return float(str(value))

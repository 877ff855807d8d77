"""PostgreSQL: made with initdb, provisioned in single-user mode, run on loopback TCP with scram-sha-256.

No Unix socket (its path is limited to 107 bytes) and no client program is needed: the role, its password and the
databases are made by `postgres --single` before the server ever listens.
"""

import asyncio
import hashlib
import os
import shutil
from pathlib import Path

from opsconductor.cli.passwords import read_password
from opsconductor.cli.servers.privileges import Privileges
from opsconductor.cli.servers.programs import Program
from opsconductor.cli.servers.tool import run_tool

ROLE = "opsconductor"
DATABASES = ("auth", "backend")
HBA = "# Written at first start.\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n"
SYNCFS_SINCE = 14
MARK = "opsconductor-password.sha256"
"""In the data folder: digest of the password that the role has, so that a changed password file takes effect."""


def postgres_argv(program: Program, data: Path, port: int) -> tuple[str, ...]:
    """The server's command line."""
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "timezone": "UTC",
        "cluster_name": "opsconductor",
    }
    if program.major >= SYNCFS_SINCE:
        settings["recovery_init_sync_method"] = "syncfs"  # after a crash: one call instead of a thousand fsyncs
    flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return (str(program.path), "-D", str(data), *flags)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


async def _run_single(
    program: Program, data: Path, privileges: Privileges, statements: list[str], settings: tuple[str, ...] = ()
) -> None:
    argv = (str(program.path), "--single", "-D", str(data), "-c", "exit_on_error=on", *settings, "postgres")
    await run_tool("set up PostgreSQL's role and databases", argv, privileges, "\n".join(statements) + "\n")


def _write(path: Path, text: str, privileges: Privileges) -> None:
    path.write_text(text)
    path.chmod(0o600)
    privileges.give(path)


async def prepare_postgres(program: Program, data: Path, privileges: Privileges, password_file: Path) -> None:
    """Make the database when there is none, and give the role the password of the file.

    Made beside its place, synced once at the end and renamed when complete: an interrupted start begins anew.
    """
    password = read_password(password_file)
    digest = hashlib.sha256(password.encode()).hexdigest()
    if not data.exists():
        draft = data.with_name(f"{data.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        privileges.make_folder(draft)
        await _make(program, draft, privileges, password)
        _write(draft / MARK, digest, privileges)
        await asyncio.to_thread(os.sync)
        draft.rename(data)
        return
    mark = data / MARK
    if not mark.exists() or mark.read_text() != digest:
        await _run_single(program, data, privileges, [f"ALTER ROLE {ROLE} PASSWORD {_quote(password)};"])
        _write(mark, digest, privileges)


async def _make(program: Program, data: Path, privileges: Privileges, password: str) -> None:
    initdb = (
        str(program.beside("initdb")),
        *("-D", str(data), "--username=postgres", "--auth=reject", "--encoding=UTF8", "--locale=C"),
        "--data-checksums",
        "--no-sync",
    )
    await run_tool("make PostgreSQL's data folder", initdb, privileges)
    _write(data / "pg_hba.conf", HBA, privileges)
    statements = [f"CREATE ROLE {ROLE} LOGIN PASSWORD {_quote(password)};", f"GRANT pg_monitor TO {ROLE};"]
    statements += [f"CREATE DATABASE {name} OWNER {ROLE};" for name in DATABASES]
    await _run_single(program, data, privileges, statements, ("-c", "fsync=off"))

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from opsconductor.cli.health import probe_postgres
from opsconductor.cli.process import describe_command, list_pids
from opsconductor.cli.servers import privileges as privileges_module
from opsconductor.cli.servers import programs
from opsconductor.cli.servers.postgres import postgres_argv, prepare_postgres
from opsconductor.cli.servers.privileges import OWN, Privileges, choose_privileges, find_account, make_state
from opsconductor.cli.servers.programs import Program, find_postgres, make_reachable
from opsconductor.cli.servers.tool import ServerError, plain_environment, run_tool

psycopg = pytest.importorskip("psycopg")


@asynccontextmanager
async def running(program: Program, data: Path, privileges: Privileges, port: int) -> AsyncIterator[str]:
    """The server until the end of the block; yields how to connect."""
    process = await asyncio.create_subprocess_exec(
        *privileges.wrap(postgres_argv(program, data, port)), env=plain_environment(), cwd="/", start_new_session=True
    )
    try:
        async with asyncio.timeout(60):
            while await probe_postgres(port)():
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield f"host=127.0.0.1 port={port} user=opsconductor dbname=backend"
    finally:
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


async def test_an_interrupted_start_begins_anew_and_a_changed_password_counts(tmp_path: Path, port: int) -> None:
    program, privileges = find_postgres(), choose_privileges()
    data, password = tmp_path / "postgres", tmp_path / "password"
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "half").touch()
    password.write_text("it's \\ the first\n")
    await prepare_postgres(program, data, privileges, password)
    assert not (data / "half").exists()
    async with running(program, data, privileges, port) as where:
        psycopg.connect(where, password="it's \\ the first").close()
    password.write_text("second\n")
    await prepare_postgres(program, data, privileges, password)
    async with running(program, data, privileges, port) as where:
        psycopg.connect(where, password="second").close()
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(where, password="it's \\ the first")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
async def test_root_without_user_namespaces_runs_it_as_nobody(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With programs that nobody cannot reach, too."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "can_reach", lambda _path: False)
    with_doors = Path("/tmp") / f"opsconductor-test-{os.getpid()}"
    with_doors.mkdir(mode=0o711)
    monkeypatch.setattr(privileges_module, "STATE_PARENT", with_doors)
    privileges = Privileges("account", *find_account())
    password = tmp_path / "password"
    password.write_text("secret\n")
    try:
        state = make_state(privileges, tmp_path)
        assert (tmp_path / "servers").resolve() == state
        program = make_reachable(find_postgres(), privileges, state)
        assert program.path.is_relative_to(state)
        assert make_reachable(find_postgres(), privileges, state) == program
        await prepare_postgres(program, state / "postgres", privileges, password)
        assert (state / "postgres").stat().st_uid == privileges.uid
        async with running(program, state / "postgres", privileges, port) as where:
            psycopg.connect(where, password="secret").close()
    finally:
        shutil.rmtree(with_doors)


async def test_a_tool_that_fails_says_why() -> None:
    with pytest.raises(ServerError, match=r"cannot list it: .*nowhere.*No such file"):
        await run_tool("list it", ("/bin/ls", "/nowhere"), OWN)


async def test_a_cancelled_tool_ends() -> None:
    sleeping = ("/bin/sleep", str(3600 + os.getpid()))

    def find() -> list[int]:
        return [pid for pid in list_pids() if describe_command(pid) == " ".join(sleeping)]

    task = asyncio.ensure_future(run_tool("sleep", sleeping, OWN))
    async with asyncio.timeout(10):
        while not find():  # noqa: ASYNC110  (another process begins; it sets no event)
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert find() == []

import asyncio
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsconductor.cli.health import probe_redis
from opsconductor.cli.servers.privileges import choose_privileges
from opsconductor.cli.servers.programs import find_redis
from opsconductor.cli.servers.redis import write_redis_configuration
from opsconductor.cli.servers.tool import plain_environment


async def ask(port: int, *words: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for word in words:
        writer.write(word.encode() + b"\r\n")
    answers = [await reader.readline() for _ in words]
    writer.close()
    return b"".join(answers)


async def test_what_it_keeps_survives_a_restart(tmp_path: Path, port: int, wait_ready: Callable[..., Any]) -> None:
    password = tmp_path / "password"
    password.write_text('a"b\\c\n')
    folder = tmp_path / 'a "folder" of redis'
    privileges = choose_privileges()
    for expected in (b":1\r\n", b":2\r\n"):
        configuration = write_redis_configuration(folder, port, privileges, password)
        assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
        argv = privileges.wrap((str(find_redis().path), str(configuration)))
        process = await asyncio.create_subprocess_exec(*argv, env=plain_environment(), cwd="/")
        await wait_ready(probe_redis(port, password))
        assert (await ask(port, "INCR runs")).startswith(b"-NOAUTH")
        assert (await ask(port, 'AUTH "a\\"b\\\\c"', "INCR runs")) == b"+OK\r\n" + expected
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert (folder / "appendonlydir").is_dir()

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsconductor.cli.health import probe_http
from opsconductor.cli.home import find_config
from opsconductor.cli.ports import Ports
from opsconductor.cli.process import kill_group
from opsconductor.cli.servers.nginx import nginx_argv, write_nginx_configuration
from opsconductor.cli.servers.privileges import choose_privileges
from opsconductor.cli.servers.programs import find_nginx
from opsconductor.cli.servers.tool import plain_environment


async def test_it_is_the_door_to_the_services(tmp_path: Path, offset: int, wait_ready: Callable[..., Any]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    ports, privileges = Ports(offset), choose_privileges()
    prefix = tmp_path / "a folder of nginx"
    write_nginx_configuration(prefix, find_config(None) / "nginx", ports, privileges)
    argv = privileges.wrap(nginx_argv(find_nginx().path, prefix))
    process = await asyncio.create_subprocess_exec(
        *argv, env=plain_environment(), cwd="/", start_new_session=True, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30), await asyncio.start_server(serve, "127.0.0.1", ports.of("auth")):
            await wait_ready(probe_http(ports.of("nginx"), "/health"))
            assert await probe_http(ports.of("nginx"), "/api/auth/session")() is None
            complaint = await probe_http(ports.of("nginx"), "/api/jobs")()
            assert complaint is not None
            assert "cannot reach the service" in complaint.reason
            process.send_signal(signal.SIGQUIT)
            output, _ = await process.communicate()
    finally:
        kill_group(process.pid)
    assert process.returncode == 0
    assert b'"url.path":"/api/auth/session"' in output

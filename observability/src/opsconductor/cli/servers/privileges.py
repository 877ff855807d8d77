"""As whom a server runs: never as root.

own         we are an ordinary user: so is the server
namespace   we are root: the server runs in a user namespace, root outside (so that it can read our folders),
            `nobody` and without privileges inside
account     we are root and user namespaces are forbidden (many containers): the server runs as `nobody`, with its
            data and, where needed, its programs below a folder that `nobody` can reach
"""

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SHIM = Path(__file__).resolve().parent.parent / "shim.py"
STATE_PARENT = Path("/var/lib")
NOBODY = 65534


@dataclass(frozen=True)
class Privileges:
    """kind: see above; uid and gid: the account, inside the namespace where there is one."""

    kind: Literal["own", "namespace", "account"]
    uid: int = 0
    gid: int = 0

    def wrap(self, argv: tuple[str, ...], on_orphan: int = signal.SIGKILL) -> list[str]:
        """The command that runs argv so; it dies (by on_orphan) with the process that calls this."""
        identity = self.kind if self.kind == "own" else f"{self.kind}:{self.uid}:{self.gid}"
        return [sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), str(int(on_orphan)), identity, *argv]

    def give(self, path: Path) -> None:
        """Hand a file or folder that we made to the account that the server runs as."""
        if self.kind == "account":
            os.chown(path, self.uid, self.gid)

    def make_folder(self, path: Path) -> Path:
        """A folder that the server alone may use."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.give(path)
        return path


OWN = Privileges("own")


def find_account() -> tuple[int, int]:
    """The uid and gid of `nobody`. initdb wants an account that the system knows by name."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return NOBODY, NOBODY
    return entry.pw_uid, entry.pw_gid


def is_known(uid: int) -> bool:
    """Whether the system has a name for the user; initdb refuses one without."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def try_namespace(privileges: Privileges) -> str:
    """Empty when a process can run so, else what the system says against it."""
    program = shutil.which("true") or "/bin/true"
    done = subprocess.run(privileges.wrap((program,)), capture_output=True, text=True, timeout=20, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip() or f"exit status {done.returncode}")


def choose_privileges() -> Privileges:
    """The mildest way to run a server unprivileged on this machine, as this user."""
    is_root = os.geteuid() == 0
    if not is_root and is_known(os.geteuid()):
        return OWN
    uid, gid = find_account()
    namespace = Privileges("namespace", uid, gid)
    if not try_namespace(namespace):
        return namespace
    return Privileges("account", uid, gid) if is_root else OWN


def name_state(privileges: Privileges, home_state: Path) -> Path:
    """The folder for the servers' data: <home>/var/lib, or one that `nobody` can reach."""
    if privileges.kind != "account":
        return home_state
    digest = hashlib.sha256(str(home_state).encode()).hexdigest()[:12]
    return STATE_PARENT / f"opsconductor-{digest}"


def make_state(privileges: Privileges, home_state: Path) -> Path:
    """The same folder, made, and linked from <home>/var/lib/servers where it lies elsewhere. Raises OSError."""
    state = name_state(privileges, home_state)
    if state != home_state:
        state.mkdir(mode=0o711, exist_ok=True)
        link = home_state / "servers"
        if not link.is_symlink():
            link.symlink_to(state)
    return state


def can_reach(path: Path) -> bool:
    """Whether an account that is nobody in particular may read the file and pass the folders above it."""
    resolved = path.resolve()
    return bool(resolved.stat().st_mode & 0o004) and all(parent.stat().st_mode & 0o001 for parent in resolved.parents)

"""PostgreSQL, Redis and Nginx as a supervisor runs them, as root and as an ordinary user."""

import os
import shutil
import signal
import site
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opsconductor.cli.box import State
from opsconductor.cli.home import Home, find_config, prepare_home
from opsconductor.cli.launch import stop_clusters
from opsconductor.cli.passwords import read_password
from opsconductor.cli.ports import Ports
from opsconductor.cli.process import identify, is_alive, list_pids, read_stat
from opsconductor.cli.servers.privileges import can_reach, find_account

SERVERS = ("postgres", "redis", "nginx")
PROGRAM = Path(__file__).with_name("real_servers.py")


def find_python_for_nobody() -> str:
    """An interpreter that an ordinary user may run: ours, or the system's with our packages."""
    for candidate in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin") or ""):
        if candidate and can_reach(Path(candidate)) and can_reach(PROGRAM):
            return candidate
    pytest.skip("no Python and checkout here that an ordinary user can reach")


def become_nobody() -> list[str]:
    uid, gid = find_account()
    paths = ":".join([*site.getsitepackages(), *(path for path in sys.path if path.endswith("/src"))])
    setpriv = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    return [*setpriv, "env", f"PYTHONPATH={paths}", "PYTHONDONTWRITEBYTECODE=1", find_python_for_nobody()]


def open_doors(folder: Path) -> None:
    """Let everybody pass through our own temporary folders down to this one."""
    root = Path(tempfile.gettempdir())
    for path in (folder, *folder.parents):
        if path != root and path.is_relative_to(root):
            path.chmod(path.stat().st_mode | 0o011)


def make_doors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doors")
    open_doors(folder)
    return folder


def list_descendants(pids: set[int]) -> set[Any]:
    """The processes and all that they began."""
    found = set(pids)
    while more := {pid for pid in list_pids() if _parent(pid) in found} - found:
        found |= more
    return {identity for pid in found if (identity := identify(pid))}


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@pytest.mark.parametrize("user", ["root", "account", "nobody"] if os.geteuid() == 0 else ["self"])
def test_the_servers_come_up_come_back_and_leave_nothing(
    user: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    make_cluster_at: Callable[..., Any],
    offset: int,
    wait: Callable[..., Any],
) -> None:
    folder = tmp_path / ("a path with spaces " + "x" * 120)
    home = Home(folder / "home")
    prepare_home(home)
    python = [sys.executable]
    if user == "account":
        python = ["env", f"AS_ACCOUNT={make_doors(tmp_path_factory)}", sys.executable]
    if user == "nobody":
        python = become_nobody()
        open_doors(folder)
        for path in [home.root, *home.root.rglob("*")]:
            os.chown(path, *find_account())
    cluster = make_cluster_at(home, find_config(None), offset).start(program=PROGRAM, python=python)
    first = {name: cluster.wait_box(lambda box: box.state == State.HEALTHY, name, timeout_s=90) for name in SERVERS}
    _use(home, Ports(offset))
    for name in SERVERS:
        os.killpg(first[name].pid, signal.SIGKILL)
    for name, old in first.items():
        cluster.wait_box(lambda box, old=old: box.state == State.HEALTHY and box.pid != old.pid, name, timeout_s=60)
    _use(home, Ports(offset))
    family = list_descendants({cluster.box(name).pid for name in SERVERS})
    assert len(family) > len(SERVERS)
    os.kill(cluster.state().pid, signal.SIGKILL)
    wait(lambda: not any(is_alive(identity) for identity in family), 60)
    stop_clusters(home, ["business"])


def _use(home: Home, ports: Ports) -> None:
    psycopg = pytest.importorskip("psycopg")
    redis = pytest.importorskip("redis")
    password = read_password(home.secrets / "postgres-password")
    for database in ("auth", "backend"):
        where = f"host=127.0.0.1 port={ports.of('postgres')} user=opsconductor dbname={database}"
        with psycopg.connect(where, password=password) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS here (number int)")
            assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (
                False,
            )
            assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(where, password="wrong")
    with redis.Redis(port=ports.of("redis")) as refused, pytest.raises(redis.AuthenticationError):
        refused.ping()
    with redis.Redis(port=ports.of("redis"), password=read_password(home.secrets / "redis-password")) as client:
        assert client.incr("runs") >= 1
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    with urllib.request.urlopen(f"http://{ports.listen('nginx')}/health", timeout=10) as answer:
        assert answer.status == 200


def test_a_server_of_root_is_not_root_inside(home: Home, make_cluster_at: Callable[..., Any], offset: int) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives privileges up")
    cluster = make_cluster_at(home, find_config(None), offset).start(program=PROGRAM)
    box = cluster.wait_box(lambda box: box.state == State.HEALTHY, "redis", timeout_s=60)
    assert read_stat(box.pid) is not None
    status = Path(f"/proc/{box.pid}/status").read_text()
    own_namespace = Path("/proc/self/ns/user").readlink() != Path(f"/proc/{box.pid}/ns/user").readlink()
    assert own_namespace or f"Uid:\t{find_account()[0]}" in status
    assert "CapEff:\t0000000000000000" in status

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opsconductor.cli.process import identify, is_alive
from opsconductor.cli.servers.privileges import OWN, Privileges, find_account, try_namespace

NAMESPACE = Privileges("namespace", *find_account())
ACCOUNT = Privileges("account", *find_account())

PARENT = """
import subprocess, sys, time
from opsconductor.cli.servers.privileges import Privileges
child = subprocess.Popen(Privileges(*{privileges!r}).wrap(("/bin/sleep", "1000"), {signal}), start_new_session=True)
print(child.pid, flush=True)
time.sleep(1000)
"""


def list_kinds() -> list[Any]:
    return [
        OWN,
        pytest.param(
            NAMESPACE, marks=pytest.mark.skipif(bool(try_namespace(NAMESPACE)), reason="no user namespaces")
        ),
        pytest.param(ACCOUNT, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")),
    ]


@pytest.mark.parametrize("privileges", list_kinds(), ids=lambda privileges: privileges.kind)
def test_a_program_dies_with_its_parent(privileges: Privileges, wait: Callable[..., Any]) -> None:
    values = (privileges.kind, privileges.uid, privileges.gid)
    code = PARENT.format(privileges=values, signal=int(signal.SIGTERM))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()[:12])
        identity = identify(pid)
        assert identity is not None
        parent.kill()
        wait(lambda: not is_alive(identity))


def test_a_program_does_not_begin_when_its_parent_is_gone() -> None:
    argv = OWN.wrap((sys.executable, "-c", "print('begun')"))
    argv[argv.index(str(os.getpid()))] = "1"
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.parametrize("privileges", list_kinds()[1:], ids=lambda privileges: privileges.kind)
def test_a_program_is_nobody_without_privileges(privileges: Privileges, tmp_path: Path) -> None:
    code = "import os; print(os.getuid(), os.getgid()); open('/etc/written-by-test', 'w')"
    done = subprocess.run(
        privileges.wrap(("/usr/bin/env", "-i", "python3", "-c", code)) if privileges.kind == "account"
        else privileges.wrap((sys.executable, "-c", code)),
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip
    assert done.stdout.split() == [str(number) for number in find_account()]
    if privileges.kind == "account":
        assert "Permission denied" in done.stderr


def test_signals_are_as_the_system_has_them() -> None:
    done = subprocess.run(
        OWN.wrap(("/bin/grep", "SigIgn", "/proc/self/status")), capture_output=True, text=True, check=True
    )
    assert int(done.stdout.split()[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0


def test_a_missing_program_is_named() -> None:
    done = subprocess.run(OWN.wrap(("/no/such/program",)), capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert done.stderr == "cannot start /no/such/program: No such file or directory\n"

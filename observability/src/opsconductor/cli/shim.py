"""The last step before a box's program: set what only the process itself can set, then become the program.

Run as a file, without our package, so that it costs 15 ms:

    python -I -S shim.py PARENT SIGNAL own|namespace:UID:GID|account:UID:GID PROGRAM ARGUMENT…

PARENT: pid of the supervisor; the kernel sends SIGNAL (PR_SET_PDEATHSIG) when it dies, however it dies.
The kernel forgets that wish when credentials change, so it comes after them. `namespace` is what
`unshare --user --map-user` does: the same user outside, an unprivileged one inside. `account` becomes that one.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000


def enter_namespace(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """A user namespace of its own, in which this user is called uid:gid and has no privileges after exec."""
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER):
        number = ctypes.get_errno()
        raise OSError(number, f"user namespaces are not allowed here: {os.strerror(number)}")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outside_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outside_gid} 1")


def change_account(uid: int, gid: int) -> None:
    """Become that account for good; standard output goes along, so that /dev/stdout can be opened by name."""
    os.fchown(1, uid, gid)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def main(words: list[str]) -> int:
    """Become the program; returns only when that is not possible (127) or the parent is gone already (0)."""
    parent, on_orphan, identity, *program = words
    libc = ctypes.CDLL(None, use_errno=True)
    kind, *numbers = identity.split(":")
    try:
        if kind == "namespace":
            enter_namespace(libc, int(numbers[0]), int(numbers[1]))
        elif kind == "account":
            change_account(int(numbers[0]), int(numbers[1]))
        libc.prctl(PR_SET_PDEATHSIG, int(on_orphan), 0, 0, 0)
        if os.getppid() != int(parent):
            return 0
        # Python ignores these; a program expects them as the system has them.
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.execv(program[0], program)  # noqa: S606  (the program replaces us; there is no shell)
    except OSError as error:
        print(f"cannot start {program[0]}: {error.strerror or error}", file=sys.stderr)
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

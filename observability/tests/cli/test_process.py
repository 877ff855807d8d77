import os
import subprocess
import time

from opsconductor.cli.process import (
    MARK,
    Identity,
    describe_command,
    find_marked,
    find_session,
    identify,
    is_alive,
    read_stat,
    send,
)


def test_an_identity_is_more_than_a_pid() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert is_alive(me)
    assert not is_alive(Identity(me.pid, me.start + 1))


def test_a_zombie_is_dead() -> None:
    with subprocess.Popen(["true"]) as child:
        while (stat := read_stat(child.pid)) and stat.state != "Z":
            time.sleep(0.01)
        assert identify(child.pid) is None


def test_a_signal_reaches_only_that_process() -> None:
    with subprocess.Popen(["sleep", "1000"]) as child:
        identity = identify(child.pid)
        assert identity is not None
        send(Identity(identity.pid, identity.start + 1), 9)
        assert child.poll() is None
        send(identity, 9)
        assert child.wait(10) == -9


def test_a_session_outlives_its_leader_and_is_found() -> None:
    with subprocess.Popen(
        ["sh", "-c", "sleep 1000 & read line"], stdin=subprocess.PIPE, start_new_session=True
    ) as box:
        leader = identify(box.pid)
        assert leader is not None
        while len(members := list(find_session(leader))) < 2:
            time.sleep(0.01)
        box.kill()
        box.wait()
        left = list(find_session(leader))
        assert left == [member for member in members if member != leader]
        assert list(find_session(Identity(leader.pid, read_stat(left[0].pid).start + 1))) == []  # type: ignore[union-attr]
        send(left[0], 9)


def test_a_marked_process_is_found_and_no_other() -> None:
    environment = {**os.environ, MARK: "/a home#business/auth"}
    with subprocess.Popen(["sleep", "1000"], env=environment) as child:
        while "sleep" not in describe_command(child.pid):
            time.sleep(0.01)
        assert [found.pid for found in find_marked("/a home#business/")] == [child.pid]
        assert list(find_marked("/a home#observability/")) == []
        child.kill()


def test_a_command_line_is_shortened() -> None:
    assert describe_command(os.getpid(), 5).endswith("…")
    assert describe_command(2**22 + 1) == ""

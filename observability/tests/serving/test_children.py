import asyncio
import os
import signal
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from opsconductor.serving.children import keep_child, wait_for_end
from opsconductor.serving.counters import Counter

MODULE = textwrap.dedent(
    """
    import os, sys, threading
    from opsconductor.serving.children import begin_child, watch_parent
    channel, config = begin_child(3)
    stop = threading.Event()
    watch_parent(channel, stop, 0.2)
    print(os.getpid(), os.nice(0), file=open(config["file"], "a"), flush=True)
    stop.wait()
    print("stopped", file=open(config["file"], "a"), flush=True)
    if config["stubborn"]:
        while True:
            pass
    """
)


@dataclass
class Config:
    file: str
    stubborn: bool


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "a_child_of_a_test.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "a_child_of_a_test"


async def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def words(file):
    return file.read_text().split() if file.exists() else []


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("stubborn", [False, True])
async def test_a_child_is_nice_restarted_when_killed_and_ended_with_its_keeper(module, tmp_path, stubborn):
    file, restarts = tmp_path / "said", Counter("restarts", "Restarts.", ("child",))
    keeper = asyncio.create_task(keep_child("x", module, Config(str(file), stubborn), wait_for_end, restarts))
    await wait_for(lambda: len(words(file)) == 2)
    first = int(words(file)[0])
    assert words(file)[1] == str(os.nice(0) + 3)
    os.kill(first, signal.SIGKILL)
    await wait_for(lambda: len(words(file)) == 4)
    second = int(words(file)[2])
    assert second != first
    assert restarts.read("x") == 1
    keeper.cancel()
    await asyncio.wait([keeper])
    assert words(file)[4] == "stopped"
    assert not is_alive(second)


async def test_a_child_is_deaf_to_the_terminals_signals(module, tmp_path):
    file = tmp_path / "said"
    restarts = Counter("restarts", "Restarts.", ("child",))
    keeper = asyncio.create_task(keep_child("x", module, Config(str(file), stubborn=False), wait_for_end, restarts))
    await wait_for(lambda: len(words(file)) == 2)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(int(words(file)[0]), number)
    await asyncio.sleep(0.2)
    assert is_alive(int(words(file)[0]))
    keeper.cancel()
    await asyncio.wait([keeper])


async def test_a_child_that_cannot_begin_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    restarts = Counter("restarts", "Restarts.", ("child",))
    keeper = asyncio.create_task(keep_child("x", "m", Config("", stubborn=False), wait_for_end, restarts))
    await wait_for(lambda: restarts.read("x") >= 2)
    keeper.cancel()
    await asyncio.wait([keeper])

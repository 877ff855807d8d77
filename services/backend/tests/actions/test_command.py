"""Action `command`, with real processes."""

import asyncio
import os
from pathlib import Path

import pytest
from pydantic import ValidationError
from support.platform import wait_until

from backend_service.actions import CommandAction, Endpoint

TARGET = Endpoint(1, "box one", "host", "box-1.example")


def run(*argv: str, timeout_s: float = 10) -> CommandAction:
    return CommandAction(kind="command", argv=list(argv), timeout_s=timeout_s)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_succeeds_with_0_and_keeps_both_outputs() -> None:
    outcome = await run("sh", "-c", "echo out; echo err >&2").run(TARGET)
    assert (outcome.succeeded, outcome.output, outcome.detail) == (True, "out\nerr\n", "sh: ended with 0")


@pytest.mark.parametrize(
    ("script", "detail"), [("exit 3", "sh: ended with 3"), ("kill -TERM $$", "sh: killed by signal 15 (Terminated)")]
)
async def test_fails_with_anything_else(script: str, detail: str) -> None:
    outcome = await run("sh", "-c", script).run(TARGET)
    assert (outcome.succeeded, outcome.detail) == (False, detail)


async def test_a_missing_program_fails() -> None:
    outcome = await run("no-such-program").run(TARGET)
    assert (outcome.succeeded, outcome.detail) == (False, "cannot run no-such-program: No such file or directory")


async def test_arguments_reach_no_shell() -> None:
    assert (await run("echo", "$HOME; `id` *").run(TARGET)).output == "$HOME; `id` *\n"


async def test_the_environment_is_minimal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "secret")
    output = (await run("env").run(TARGET)).output
    assert dict(line.split("=", 1) for line in output.splitlines()) == {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TARGET_NAME": "box one",
        "TARGET_ADDRESS": "box-1.example",
    }


async def test_output_is_truncated_and_the_program_not_blocked() -> None:
    outcome = await run("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x").run(TARGET)
    assert outcome.succeeded
    assert outcome.output == "x" * 65536 + "\n… truncated at 64 KiB"


async def test_output_that_is_no_text_can_be_stored() -> None:
    outcome = await run("printf", "a\\0b\\377c").run(TARGET)
    assert outcome.output == "a\ufffdb\ufffdc"


async def test_the_timeout_kills_the_whole_group(tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! > '{tmp_path}/pid'; echo before; wait"
    outcome = await run("sh", "-c", script, timeout_s=0.5).run(TARGET)
    assert (outcome.succeeded, outcome.detail, outcome.output) == (False, "sh: killed after 0.5 s", "before\n")
    wait_until(lambda: not is_alive(int((tmp_path / "pid").read_text())), 5, "the end of the group")


async def test_nothing_of_the_group_stays_after_the_end(tmp_path: Path) -> None:
    outcome = await run("sh", "-c", f"sleep 60 & echo $! > '{tmp_path}/pid'").run(TARGET)
    assert outcome.succeeded
    wait_until(lambda: not is_alive(int((tmp_path / "pid").read_text())), 5, "the end of the group")


async def test_cancelling_kills_the_group(tmp_path: Path) -> None:
    task = asyncio.create_task(run("sh", "-c", f"echo $$ > '{tmp_path}/pid'; sleep 60").run(TARGET))
    pid = tmp_path / "pid"
    await asyncio.to_thread(wait_until, lambda: pid.exists() and pid.read_text(), 10, "the command")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(int(pid.read_text()))


@pytest.mark.parametrize("argv", [[], ["a\x00b"], ["x"] * 257])
def test_a_bad_command_is_refused(argv: list[str]) -> None:
    with pytest.raises(ValidationError):
        CommandAction(kind="command", argv=argv)

"""configure() in processes of their own, because it changes the whole process."""

import json
import os
import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest


def start(code: str, **environment: str) -> subprocess.Popen[bytes]:
    program = "import logging\nfrom opsconductor_telemetry import *\n" + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **environment},
    )


def run(code: str, status: int = 0, **environment: str) -> list[dict[str, Any]]:
    with start(code, **environment) as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors.decode()
    return [json.loads(line) for line in output.splitlines()]


def test_fields_and_messages_come_out_as_they_went_in() -> None:
    lines = run("""
        configure("auth")
        log = get_logger("auth_service.login")
        log.info("100% {sure} %s", **{"user.name": "ada"}, message="own")
        log.debug("unseen")
    """)
    assert [(line["logger"], line["message"], line["user.name"], line["field.message"]) for line in lines] == [
        ("auth_service.login", "100% {sure} %s", "ada", "own")
    ]


def test_every_logger_of_the_process_writes_the_same_lines() -> None:
    lines = run("""
        import warnings
        logging.getLogger("uvicorn.error").addHandler(logging.StreamHandler())
        configure("auth")
        logging.getLogger("uvicorn.error").warning("from %s", "uvicorn")
        logging.getLogger("some.library").info("fields", extra={"fields": {"a": 1}})
        logging.getLogger("httpx").info("unseen")
        warnings.warn("careful")
    """)
    assert [line["message"] for line in lines[:2]] == ["from uvicorn", "fields"]
    assert lines[1]["a"] == 1
    assert "careful" in lines[2]["message"]
    assert {line["service"] for line in lines} == {"auth"}
    assert len(lines) == 3


def test_exceptions_are_described() -> None:
    lines = run(
        """
        import threading
        configure("auth")
        log = get_logger("x")
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("handled", job="nightly")
        def fail():
            raise KeyError("thread")
        thread = threading.Thread(target=fail, name="helper")
        thread.start()
        thread.join()
        raise RuntimeError("the end")
        """,
        status=1,
    )
    assert [(line["message"], line["exception.type"]) for line in lines] == [
        ("handled", "ZeroDivisionError"),
        ("uncaught exception in a thread", "KeyError"),
        ("uncaught exception", "RuntimeError"),
    ]
    assert (lines[0]["job"], lines[1]["thread.name"]) == ("nightly", "helper")
    assert [line["level"] for line in lines] == ["error", "critical", "critical"]


@pytest.mark.parametrize(("level", "expected"), [("DEBUG", 3), ("warning", 1), ("", 2)])
def test_the_level_is_the_environments(level: str, expected: int) -> None:
    lines = run(
        'configure("a"); log = get_logger("x"); log.debug("d"); log.info("i"); log.warning("w")', LOG_LEVEL=level
    )
    assert len(lines) == expected


def test_a_wrong_level_is_refused() -> None:
    lines = run("""
        try:
            configure("auth")
        except TelemetryError as error:
            print(f'"{error}"'.replace('"loud"', "loud"))
    """, LOG_LEVEL="loud")  # fmt: skip
    assert lines == ["cannot log at LOG_LEVEL loud: write one of debug, info, warning, error, critical"]


def test_what_was_logged_before_the_end_is_written() -> None:
    lines = run("""
        configure("auth")
        for number in range(5000):
            get_logger("x").info("line", number=number)
    """)
    assert [line["number"] for line in lines] == list(range(5000))


def test_a_second_configure_changes_the_name_and_nothing_else() -> None:
    lines = run(
        'configure("a"); configure("b"); get_logger("x").info("once"); shutdown(); get_logger("x").info("late")'
    )
    assert [(line["service"], line["message"]) for line in lines] == [("b", "once"), ("b", "late")]


def test_before_configure_nothing_is_written() -> None:
    assert run('get_logger("x").info("early"); shutdown()') == []


def test_a_stalled_reader_neither_blocks_the_process_nor_its_end() -> None:
    process = start("""
        import sys
        configure("auth")
        log = get_logger("x")
        for number in range(10_000):
            log.info("line", number=number, text="x" * 1000)
        sys.stderr.write("done")
        sys.stderr.flush()
    """)
    with process:
        assert process.stderr is not None
        assert process.stderr.read(4) == b"done"
        # nobody reads stdout; shutdown() gives up after its two seconds
        assert process.wait(30) == 0


def test_after_a_stall_the_lost_lines_are_reported() -> None:
    process = start("""
        import sys
        configure("auth")
        log = get_logger("x")
        for number in range(12_000):
            log.info("line", number=number, text="x" * 1000)
        sys.stderr.write("done")
        sys.stderr.flush()
        sys.stdin.read()
        log.info("last")
    """)
    with process:
        assert process.stderr is not None
        assert process.stderr.read(4) == b"done"
        time.sleep(0.1)
        output, _ = process.communicate(timeout=60)
    lines = [json.loads(line) for line in output.splitlines()]
    (report,) = [line for line in lines if line["message"] == "log lines dropped"]
    numbers = [line["number"] for line in lines if line["message"] == "line"]
    assert report["dropped"] == report["dropped_total"] == 12_000 - len(numbers) > 0
    assert numbers[-1] == 11_999
    assert lines[-1]["message"] == "last"

"""`opsconductor query logs` and `opsconductor tail` against a real role."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

SECOND = 1_000_000_000


def command(role, tenant, *words):
    return [sys.executable, "-m", "opsconductor.cli.main", *words, "--addr", role.url, "--tenant", tenant]


def run(role, tenant, *words, environment=None):
    return subprocess.run(
        command(role, tenant, *words),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "TZ": "UTC", **(environment or {})},
    )


@pytest.fixture
def filled(role, tenant, now):
    line = json.dumps({"time": "x", "level": "info", "message": "login \x1b[2Jrefused", "user": "ada", "n": 3})
    role.push(tenant, {"service": "auth", "level": "warning"}, [(now - 2 * SECOND, line)])
    role.push(tenant, {"service": "web"}, [(now - SECOND, "plain <text>"), (now - 3 * SECOND, "first")])
    return tenant


def test_text_is_oldest_first_with_what_a_line_says(role, filled):
    done = run(role, filled, "query", "logs", '{service=~".+"}')
    assert (done.returncode, done.stderr) == (0, "")
    first, second, third = done.stdout.splitlines()
    assert first.split(" ", 2)[2].split() == ["web", "first"]
    assert second.split(" ", 2)[2].split() == ["WARNING", "auth", "login", r"\x1b[2Jrefused", "user=ada", "n=3"]
    assert third.endswith("plain <text>")
    assert "\x1b" not in done.stdout


def test_raw_jsonl_and_json(role, filled, now):
    assert run(role, filled, "query", "logs", '{service="web"}', "--output", "raw").stdout == "first\nplain <text>\n"
    rows = run(role, filled, "query", "logs", '{service="web"}', "--output", "jsonl").stdout.splitlines()
    assert json.loads(rows[1]) == {
        "time": json.loads(rows[1])["time"],
        "labels": {"service": "web"},
        "line": "plain <text>",
    }
    assert json.loads(rows[0])["time"].endswith(f"{(now - 3 * SECOND) % SECOND:09}Z")
    data = json.loads(run(role, filled, "query", "logs", '{service="web"}', "--output", "json").stdout)
    assert data["resultType"] == "streams"


def test_limit_direction_and_range(role, filled, now):
    query = ["query", "logs", '{service=~".+"}', "--output", "raw", "--limit", "1"]
    assert run(role, filled, *query).stdout == "plain <text>\n"
    assert run(role, filled, *query, "--direction", "forward").stdout == "first\n"
    assert (
        run(role, filled, *query, "--from", str(now - 3600 * SECOND), "--to", str(now - 2500000000)).stdout
        == "first\n"
    )
    assert run(role, filled, *query, "--since", "1s", "--to", "1h").stdout == ""


def test_a_metric_query_is_a_table(role, filled):
    query = "sum by (service) (count_over_time({service=~'.+'}[1h]))".replace("'", '"')
    done = run(role, filled, "query", "logs", query, "--since", "10s", "--step", "10s")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["time", "labels", "value"]
    assert {tuple(line.split()[2:]) for line in lines[1:]} >= {('{service="auth"}', "1"), ('{service="web"}', "2")}
    rows = run(role, filled, "query", "logs", query, "--since", "10s", "--step", "10s", "--output", "jsonl").stdout
    assert {"service": "web"} in [json.loads(row)["labels"] for row in rows.splitlines()]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["query", "logs", "{"], "cannot query: parse error at line 1"),
        (["query", "logs", '{a="b"}', "--from", "yesterday"], 'cannot read time "yesterday"'),
        (["query", "logs", '{a="b"}', "--since", "soon"], 'cannot read duration "soon"'),
        (["tail", "{"], "cannot tail: parse error at line 1"),
    ],
)
def test_errors_are_one_line(role, tenant, words, message):
    done = run(role, tenant, *words)
    assert done.returncode == 1
    assert done.stderr.startswith(f"opsconductor: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["query", "logs", '{a="b"}'], ["tail", '{a="b"}']])
def test_an_absent_store_is_named_with_what_to_do(tmp_path, words):
    done = subprocess.run(
        [sys.executable, "-m", "opsconductor.cli.main", *words, "--addr", "127.0.0.1:1", "--home", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot reach the log store at http://127.0.0.1:1" in done.stderr
    assert "opsconductor up" in done.stderr


def test_the_supervisors_table_says_where_the_store_is(role, filled):
    table = {"OPSCONDUCTOR_ADDRESSES": json.dumps({"loki:3100": f"127.0.0.1:{role.port}"})}
    words = ["query", "logs", '{service="web"}', "--output", "raw", "--tenant", filled]
    done = subprocess.run(
        [sys.executable, "-m", "opsconductor.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **table},
    )
    assert done.stdout == "first\nplain <text>\n"


def test_a_terminal_gets_colours(role, filled):
    main, terminal = pty.openpty()
    words = command(role, filled, "query", "logs", '{service="auth"}')
    with subprocess.Popen(words, stdout=terminal, env={**os.environ, "TERM": "xterm-256color"}) as process:
        os.close(terminal)
        seen = read_until(main, b"ada")
        process.wait(timeout=30)
    os.close(main)
    assert b"\x1b[33m" in seen  # a warning is yellow
    assert b"\x1b[2J" not in seen  # but the line's own escape is only text


def read_until(handle, word, seconds=30):
    seen = b""
    deadline = time.monotonic() + seconds
    while word not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([handle], [], [], 0.1)[0]:
            seen += os.read(handle, 65536)
    return seen


def test_tail_prints_lines_as_they_come_and_ends_with_the_interrupt(role, tenant, now):
    role.push(tenant, {"a": "b"}, [(now, "before")])
    words = command(role, tenant, "tail", '{a="b"}', "--since", "1h", "--output", "raw")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        read_until(process.stdout.fileno(), b"before\n")
        role.push(tenant, {"a": "b"}, [(now + 1, "live")])
        read_until(process.stdout.fileno(), b"live\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stderr.read() == b""


def test_tail_waits_for_a_store_that_restarts_and_misses_nothing(start_role, tmp_path, tenant, now):
    role = start_role(data=tmp_path)
    words = command(role, tenant, "tail", '{a="b"}', "--since", "1h", "--output", "raw")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            role.push(tenant, {"a": "b"}, [(now, "one")])
            read_until(process.stdout.fileno(), b"one\n")
            role.kill_group()
            read_until(process.stderr.fileno(), b"reconnecting")
            again = start_role(data=tmp_path, listen=f"127.0.0.1:{role.port}")
            again.push(tenant, {"a": "b"}, [(now + 1, "two")])
            assert read_until(process.stdout.fileno(), b"two\n") == b"two\n"
        finally:
            process.kill()

"""`opsconductor query traces` against a real role."""

import json
import subprocess
import sys
import time

import pytest
from traces_role import build_request, new_ids


def run(role, *words):
    command = [sys.executable, "-m", "opsconductor.cli.main", "query", "traces", *words, "--addr", role.url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def trace(role, service):
    """A trace of two services; its id."""
    trace_id, (root, child, grandchild) = new_ids(3)
    now = time.time_ns()
    first = {"trace_id": trace_id, "span_id": root, "name": "GET /x", "end_time_unix_nano": now + 20_000_000}
    role.send(build_request(service, {**first, "start_time_unix_nano": now}).SerializeToString())
    second = {"trace_id": trace_id, "span_id": child, "parent_span_id": root, "name": "call", "status": {"code": 2}}
    third = {"trace_id": trace_id, "span_id": grandchild, "parent_span_id": child, "name": "be\x1b[2Jlow"}
    request = build_request(f"{service}-b", second, third)
    request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="answer").value.int_value = 42
    role.send(request.SerializeToString())
    return trace_id.hex()


@pytest.mark.parametrize("words", [["--operation", "GET /x"], ["--min-duration", "15ms"], []])
def test_a_search_is_a_line_a_trace(role, service, trace, words):
    done = run(role, "--service", service, *words)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert f"{trace}  {service}: GET /x  " in line
    assert line.endswith("3 spans  1 error")


def test_a_search_by_tag(role, service, trace):
    assert trace in run(role, "--service", f"{service}-b", "--tag", "answer=42").stdout
    assert run(role, "--service", f"{service}-b", "--tag", "answer=43").stdout == ""
    (summary,) = json.loads(run(role, "--service", service, "--output", "json").stdout)
    assert summary["traceId"] == trace


def test_one_trace_is_a_tree(role, service, trace):
    head, *lines = run(role, trace).stdout.splitlines()
    assert head.startswith(f"trace {trace}  ")
    assert [line[: line.index(service)] for line in lines] == ["", "  ", "    "]
    assert "20.0ms" in lines[0]
    assert lines[1].endswith("  error")
    assert "be\\x1b[2Jlow" in lines[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["0123456789abcdef"], "cannot query: trace not found (status 404"),
        (["--tag", "x"], 'cannot read --tag "x": write KEY=VALUE'),
        (["--limit", "0"], "cannot query: search depth must be greater than 0"),
        (["--since", "soon"], 'cannot read duration "soon"'),
    ],
)
def test_what_is_wrong_is_one_line(role, words, message):
    done = run(role, *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_store_that_is_away_is_named():
    command = [sys.executable, "-m", "opsconductor.cli.main", "query", "traces", "--addr", "127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "cannot reach the trace store at http://127.0.0.1:1" in done.stderr

"""Live tails through the role: a real logs role behind it, over WebSocket."""

import json
import time
from urllib.parse import quote

import httpx
import pytest
from support.role_process import RoleProcess
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

LOKI = "auth_enabled: false\n"
TAIL = "/api/datasources/proxy/uid/{uid}/loki/api/v1/tail?query="
COOKIE = "opsconductor_dashboards"


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    (folder / "loki.yml").write_text(LOKI)
    role = RoleProcess("logs", folder / "loki.yml", folder / "data").start(ready_s=60)
    yield role
    role.kill()


@pytest.fixture
def dashboards(make_dashboards, logs):
    sources = {"logs": ("loki", "http://loki:3100"), "dead": ("loki", "http://127.0.0.1:1")}
    return make_dashboards(sources, {"loki:3100": f"127.0.0.1:{logs.port}"})


@pytest.fixture
def cookie(dashboards):
    with dashboards.open_client() as client:
        dashboards.log_in(client)
        return client.cookies[COOKIE]


def follow(dashboards, cookie, query='{a="b"}', uid="logs", **headers):
    url = f"ws://127.0.0.1:{dashboards.role.port}{TAIL.format(uid=uid)}{quote(query)}"
    sent = {"Origin": dashboards.url, "Cookie": f"{COOKIE}={cookie}"} | headers
    return connect(url, additional_headers=sent, proxy=None, open_timeout=20)


def push(logs, line):
    body = {"streams": [{"stream": {"a": "b"}, "values": [[str(time.time_ns()), line]]}]}
    assert httpx.post(f"{logs.url}/loki/api/v1/push", json=body, trust_env=False).status_code == 204


def read_lines(tail):
    message = json.loads(tail.recv(timeout=20))
    return [value[1] for stream in message["streams"] for value in stream["values"]]


def test_lines_arrive_while_they_are_pushed(dashboards, cookie, logs):
    with follow(dashboards, cookie) as tail:
        for line in ("first", "ünd zweitens"):
            push(logs, line)
            lines = read_lines(tail)
            while line not in lines:
                lines += read_lines(tail)
        metrics = httpx.get(f"{dashboards.url}/metrics", trust_env=False).text
        assert "opsconductor_dashboards_open_tails 1" in metrics


def test_a_tail_needs_a_session_and_its_own_origin(dashboards, cookie):
    for headers in ({"Cookie": ""}, {"Cookie": f"{COOKIE}=x"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        with pytest.raises(InvalidStatus) as raised:
            follow(dashboards, cookie, **headers)
        assert raised.value.response.status_code == 403


def read_close(tail):
    """Code and reason, after whatever lines there were."""
    try:
        while True:
            tail.recv(timeout=20)
    except ConnectionClosed as closed:
        return closed.rcvd.code, closed.rcvd.reason


def test_why_there_is_no_tail_reaches_the_browser(dashboards, cookie):
    with follow(dashboards, cookie, query="{") as tail:
        code, reason = read_close(tail)
        assert code == 4400
        assert "parse error" in reason
    with follow(dashboards, cookie, query='{ä="' + "ö" * 200) as tail:
        assert read_close(tail)[0] == 4400
    with follow(dashboards, cookie, uid="dead") as tail:
        code, reason = read_close(tail)
        assert code == 4502
        assert reason.startswith("cannot ask The dead: ")
    with follow(dashboards, cookie, uid="none") as tail:
        assert read_close(tail)[0] == 4404
    with follow(dashboards, cookie, uid="logs/%2e%2e") as tail:
        assert read_close(tail)[0] == 4400


def test_a_browser_that_leaves_ends_the_tail_at_the_store(dashboards, cookie, logs):
    def count_open():
        text = httpx.get(f"{logs.url}/metrics", trust_env=False).text
        return next(line for line in text.splitlines() if line.startswith("opsconductor_logs_open_tails "))[-1]

    with follow(dashboards, cookie) as tail:
        push(logs, "here")
        read_lines(tail)
        assert count_open() == "1"
    deadline = time.monotonic() + 20
    while count_open() != "0":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_role_ends_its_tails_when_it_stops(dashboards, cookie, logs):
    with follow(dashboards, cookie) as tail:
        push(logs, "here")
        read_lines(tail)
        dashboards.role.process.terminate()
        assert read_close(tail)[0] == 1012  # RFC 6455's registry: service restart
        assert dashboards.role.process.wait(10) == 0
    assert not [line for line in dashboards.lines() if line["level"] == "error"]


def test_a_store_that_dies_ends_the_tail(make_dashboards, tmp_path):
    (tmp_path / "loki.yml").write_text(LOKI)
    logs = RoleProcess("logs", tmp_path / "loki.yml", tmp_path / "data").start(ready_s=60)
    dashboards = make_dashboards({"logs": ("loki", f"http://127.0.0.1:{logs.port}")})
    try:
        with dashboards.open_client() as client:
            dashboards.log_in(client)
            with follow(dashboards, client.cookies[COOKIE]) as tail:
                push(logs, "here")
                read_lines(tail)
                logs.kill()
                assert read_close(tail)[0] == 1011
    finally:
        logs.kill()

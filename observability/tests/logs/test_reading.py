"""Reads from a real role."""

import socket
import time

import pytest

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def filled(role):
    """(tenant, now) of a store with two services."""
    tenant, now = "reading", time.time_ns()
    assert role.push(tenant, {"service": "auth", "level": "info"}, [(now - 2 * SECOND, "a1"), (now - SECOND, "a2")])
    assert role.push(tenant, {"service": "web", "level": "error"}, [(now - 1_500_000_000, '{"status": 500}')])
    return tenant, now


def test_labels_values_and_series(role, filled):
    tenant, _ = filled
    assert role.get("labels", tenant).json() == {"status": "success", "data": ["level", "service"]}
    assert role.get("label", tenant).json() == {"status": "success", "data": ["level", "service"]}
    assert role.get("label/service/values", tenant).json()["data"] == ["auth", "web"]
    assert role.get("label/service/values", tenant, query='{level="error"}').json()["data"] == ["web"]
    assert role.get("label/none/values", tenant).json() == {"status": "success", "data": []}
    series = role.get("series", tenant, **{"match[]": ['{service="auth"}', '{service="none"}']}).json()
    assert series == {"status": "success", "data": [{"level": "info", "service": "auth"}]}
    past = {"start": "1000", "end": "2000"}
    assert role.get("labels", tenant, **past).json()["data"] == []


def test_limit_and_direction(role, filled):
    tenant, _ = filled
    newest = role.get("query_range", tenant, query='{service="auth"}', limit=1).json()["data"]["result"]
    assert [value[1] for one in newest for value in one["values"]] == ["a2"]
    forward = {"limit": 1, "direction": "forward"}
    oldest = role.get("query_range", tenant, query='{service="auth"}', **forward).json()["data"]["result"]
    assert [value[1] for one in oldest for value in one["values"]] == ["a1"]


def test_start_is_inclusive_and_end_exclusive(role, filled):
    tenant, now = filled
    found = role.query(tenant, '{service="auth"}', start=now - 2 * SECOND, end=now - SECOND)
    assert found == [(now - 2 * SECOND, "a1")]


def test_metric_queries(role, filled):
    tenant, now = filled
    query = 'sum by (service) (count_over_time({level=~".+"}[1m]))'
    answer = role.get("query", tenant, query=query, time=now).json()["data"]
    assert answer["resultType"] == "vector"
    counts = {one["metric"]["service"]: one["value"][1] for one in answer["result"]}
    assert counts == {"auth": "2", "web": "1"}
    parameters = {"query": query, "start": now, "end": now + 60 * SECOND, "step": "30s"}
    matrix = role.get("query_range", tenant, **parameters).json()["data"]
    assert matrix["resultType"] == "matrix"
    assert {one["metric"]["service"]: len(one["values"]) for one in matrix["result"]} == {"auth": 2, "web": 2}
    health = role.get("query", tenant, query="vector(1)+vector(1)").json()["data"]
    assert health["result"][0]["value"][1] == "2"


def test_a_form_in_the_body_is_a_query(role, filled):
    tenant, _ = filled
    headers = {"X-Scope-OrgID": tenant}
    answer = role.client.post("/loki/api/v1/query_range", data={"query": '{service="auth"}'}, headers=headers)
    assert len(answer.json()["data"]["result"]) == 1


def test_parsed_labels_are_told_apart_when_asked_for(role, filled):
    tenant, _ = filled
    headers = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
    answer = role.get("query_range", tenant, query='{service="web"} | json', headers=headers).json()["data"]
    assert answer["encodingFlags"] == ["categorize-labels"]
    assert answer["result"][0]["stream"] == {"level": "error", "service": "web"}
    assert answer["result"][0]["values"][0][2] == {"parsed": {"status": "500"}}
    plain = role.get("query_range", tenant, query='{service="web"} | json').json()["data"]
    assert plain["result"][0]["stream"] == {"level": "error", "service": "web", "status": "500"}


@pytest.mark.parametrize(
    ("path", "parameters", "status", "message"),
    [
        ("query_range", {"query": "{"}, 400, "parse error at line 1"),
        ("query_range", {}, 400, "parse error"),
        ("query_range", {"query": '{a="b"}', "limit": "5001"}, 400, "max_entries_limit_per_query"),
        ("query_range", {"query": '{a="b"}', "start": "x"}, 400, "could not parse 'start'"),
        ("query", {"query": '{a="b"}'}, 400, "log queries are not supported as an instant query type"),
        (
            "query_range",
            {"query": '{a="b"}', "start": "1", "end": "100000000"},
            400,
            "query time range exceeds the limit",
        ),
        ("series", {}, 400, "match[]"),
        ("series", {"match[]": '{a="b"} |= "x"'}, 400, "only label matchers"),
        ("labels", {"query": "rate({a='b'}[1m])"}, 400, ""),
        ("labels", {"start": "5", "end": "2"}, 400, "before start"),
        ("nothing", {}, 404, "no such endpoint"),
    ],
)
def test_bad_reads_are_refused_with_a_message(role, tenant, path, parameters, status, message):
    answer = role.get(path, tenant, **parameters)
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == "error"
    assert message in answer.json()["message"]


def test_buildinfo_ready_and_metrics(role):
    assert role.client.get("/loki/api/v1/status/buildinfo").json()["version"]
    assert role.client.get("/ready").text == "ready\n"
    text = role.client.get("/metrics").text
    assert "opsconductor_logs_query_workers 1\n" in text
    assert "# TYPE opsconductor_logs_query_duration_seconds histogram\n" in text


def test_a_tenant_without_data_is_empty(role, tenant):
    assert role.get("labels", tenant).json() == {"status": "success", "data": []}
    assert role.query(tenant, '{a="b"}') == []


def test_a_large_answer_comes_whole(role, tenant, now):
    lines = [(now - n, f"{n:06} " + "x" * 1000) for n in range(3000)]
    assert role.push(tenant, {"a": "b"}, lines).status_code == 204
    assert role.query(tenant, '{a="b"}') == sorted((time_ns, line) for time_ns, line in lines)


def read_gauge(role, name):
    (line,) = [line for line in role.client.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return int(line.removeprefix(f"{name} "))


def wait_for_gauge(role, name, value):
    deadline = time.monotonic() + 20
    while read_gauge(role, name) != value:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_client_that_leaves_cancels_its_query(role, tenant, now):
    for batch in range(4):
        lines = [(now - n, f"{batch} {n} " + "x" * 10_000) for n in range(1000)]
        assert role.push(tenant, {"a": "b"}, lines).status_code == 204
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", role.port))
        path = "/loki/api/v1/query_range?limit=5000&query=%7Ba%3D%22b%22%7D"
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: {tenant}\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        # 40 MB are more than sockets and the window hold: the answer waits for this client.
        time.sleep(0.5)
        assert read_gauge(role, "opsconductor_logs_running_queries") == 1
        assert role.query(tenant, '{a="b"}', limit=1)
    wait_for_gauge(role, "opsconductor_logs_running_queries", 0)


def test_too_many_waiting_queries_are_refused(start_role, now):
    config = "auth_enabled: true\nfrontend: {max_outstanding_per_tenant: 0}\n"
    role = start_role(config=config)
    answer = role.get("labels", "t")
    assert (answer.status_code, answer.json()["message"]) == (429, "too many outstanding requests")


def test_it_says_that_it_evaluates_no_rules(role):
    assert role.client.get("/prometheus/api/v1/rules").json() == {"status": "success", "data": {"groups": []}}

"""Live tails of a real role."""

import json
import os
import signal
import threading
import time
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

SECOND = 1_000_000_000


def follow(role, tenant, query, *, flags="", **parameters):
    headers = {"X-Scope-OrgID": tenant, "X-Loki-Response-Encoding-Flags": flags}
    url = f"ws://127.0.0.1:{role.port}/loki/api/v1/tail?{urlencode({'query': query, **parameters})}"
    return connect(url, additional_headers=headers, compression=None, max_size=None, max_queue=1)


def read(tail, count, timeout=20):
    """Lines until there are `count`."""
    lines = []
    while len(lines) < count:
        for one in json.loads(tail.recv(timeout=timeout))["streams"]:
            lines += [value[1] for value in one["values"]]
    return lines


def test_the_newest_lines_first_then_each_as_it_arrives(role, tenant, now):
    role.push(tenant, {"a": "b"}, [(now - n * SECOND, f"old {n}") for n in range(5)])
    with follow(role, tenant, '{a="b"}', limit=3) as tail:
        assert read(tail, 3) == ["old 2", "old 1", "old 0"]
        for number in range(3):
            role.push(tenant, {"a": "b"}, [(now + number, f"new {number}")])
            assert read(tail, 1) == [f"new {number}"]


def test_a_new_stream_and_only_what_passes(role, tenant, now):
    with follow(role, tenant, '{a=~"b|c"} |= "yes"', limit=1) as tail:
        role.push(tenant, {"a": "b"}, [(now, "no"), (now + 1, "yes b")])
        role.push(tenant, {"a": "d"}, [(now, "yes d")])
        role.push(f"{tenant}-other", {"a": "b"}, [(now, "yes other tenant")])
        role.push(tenant, {"a": "c"}, [(now, "yes c")])
        assert read(tail, 2) == ["yes b", "yes c"]


def test_late_lines_come_too(role, tenant, now):
    with follow(role, tenant, '{a="b"}') as tail:
        role.push(tenant, {"a": "b"}, [(now - 7200 * SECOND, "two hours late")])
        assert read(tail, 1) == ["two hours late"]


def test_lines_held_back_come_in_order(role, tenant, now):
    with follow(role, tenant, '{a="b"}', delay_for=1) as tail:
        for offset in (2, 1, 0):
            role.push(tenant, {"a": "b"}, [(now + offset, f"line {offset}")])
        assert read(tail, 3) == ["line 0", "line 1", "line 2"]


def test_categorized_labels(role, tenant, now):
    with follow(role, tenant, '{a="b"} | json', flags="categorize-labels") as tail:
        role.push(tenant, {"a": "b"}, [(now, '{"p": "q"}', {"k": "v"})])
        message = json.loads(tail.recv(timeout=20))
    assert message["encodingFlags"] == ["categorize-labels"]
    values = [[str(now), '{"p": "q"}', {"structuredMetadata": {"k": "v"}, "parsed": {"p": "q"}}]]
    assert message["streams"] == [{"stream": {"a": "b"}, "values": values}]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"query": "{"}, "parse error"),
        ({"query": 'rate({a="b"}[1m])'}, "metric query"),
        ({"query": '{a="b"}', "delay_for": "6"}, "delay_for"),
        ({"query": '{a="b"}', "limit": "x"}, "strconv.Atoi"),
    ],
)
def test_a_bad_tail_is_refused_with_a_message(role, tenant, parameters, message):
    with pytest.raises(InvalidStatus) as raised:
        follow(role, tenant, **parameters)
    answer = raised.value.response
    assert answer.status_code == 400
    assert message in json.loads(answer.body)["message"]


def test_tails_of_a_tenant_are_limited_and_the_slot_comes_back(start_role, tenant):
    role = start_role(config="auth_enabled: true\nlimits_config: {max_concurrent_tail_requests: 1}\n")
    with follow(role, tenant, '{a="b"}'):
        with pytest.raises(InvalidStatus) as raised:
            follow(role, tenant, '{a="b"}')
        assert b"max concurrent tail requests limit exceeded" in raised.value.response.body
        follow(role, f"{tenant}-other", '{a="b"}').close()
    deadline = time.monotonic() + 20
    while True:
        try:
            follow(role, tenant, '{a="b"}').close()
            return
        except InvalidStatus:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_slow_client_is_told_what_it_missed_and_holds_up_nobody(role, tenant, now):
    with follow(role, tenant, '{a="slow"}') as tail, follow(role, tenant, '{a="fast"}') as other:
        for batch in range(5):
            lines = [(now + batch, f"{batch} {n} " + "x" * 10_000) for n in range(1000)]
            assert role.push(tenant, {"a": "slow"}, lines).status_code == 204
        role.push(tenant, {"a": "fast"}, [(now, "through")])
        assert read(other, 1) == ["through"]
        time.sleep(1)
        seen, dropped = 0, []
        while not dropped:
            message = json.loads(tail.recv(timeout=20))
            seen += sum(len(one["values"]) for one in message["streams"])
            dropped = message.get("dropped_entries") or []
            if not message["streams"] or seen >= 1000:
                role.push(tenant, {"a": "slow"}, [(now + 10, "wake up")])
        assert 0 < seen < 5000
        assert dropped[0]["labels"] == {"a": "slow"}
        assert len(dropped) <= 1000


def test_a_query_worker_that_dies_ends_its_tails_and_the_next_takes_over(start_role, tenant, now):
    role = start_role()
    (worker,) = [pid for pid, module in role.children().items() if module == "query_worker"]
    with follow(role, tenant, '{a="b"}') as tail:
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(ConnectionClosed):
            tail.recv(timeout=20)
    role.push(tenant, {"a": "b"}, [(now, "after")])
    assert role.query(tenant, '{a="b"}') == [(now, "after")]


def test_the_role_ends_its_tails_when_it_stops(start_role, tenant):
    role = start_role()
    with follow(role, tenant, '{a="b"}') as tail:
        role.process.terminate()
        with pytest.raises(ConnectionClosed) as raised:
            tail.recv(timeout=20)
        assert raised.value.rcvd.code in (1001, 1012)
    assert role.process.wait(timeout=10) == 0


def test_many_tails_come_and_go(role, tenant, now):
    errors = []

    def visit(number):
        try:
            with follow(role, f"{tenant}-{number}", '{a="b"}') as tail:
                role.push(f"{tenant}-{number}", {"a": "b"}, [(now, "x")])
                assert read(tail, 1) == ["x"]
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            errors.append(error)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(15)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []

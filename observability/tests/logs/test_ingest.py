"""Pushes into a real role."""

import base64
import gzip
import json
import random
import time

import cramjam
import pytest

SECOND = 1_000_000_000


def encode_protobuf(labels, lines):
    """A PushRequest by hand: wire format and nothing else."""

    def field(number, content):
        return varint(number << 3 | 2) + varint(len(content)) + content

    def varint(value):
        out = b""
        while value > 127:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        return out + bytes([value])

    entries = b""
    for time_ns, line in lines:
        stamp = b"\x08" + varint(time_ns // SECOND) + b"\x10" + varint(time_ns % SECOND)
        entries += field(2, field(1, stamp) + field(2, line))
    return bytes(cramjam.snappy.compress_raw(field(1, field(1, labels.encode()) + entries)))


def push_body(role, tenant, body, **headers):
    return role.client.post("/loki/api/v1/push", content=body, headers={"X-Scope-OrgID": tenant, **headers})


def push_protobuf(role, tenant, labels, lines):
    body = encode_protobuf(labels, lines)
    return push_body(role, tenant, body, **{"Content-Type": "application/x-protobuf"})


def test_protobuf_is_stored_and_found(role, tenant, now):
    answer = push_protobuf(role, tenant, '{service="a"}', [(now, b"one"), (now + 1, b"bad \xff byte")])
    assert (answer.status_code, answer.content) == (204, b"")
    assert role.query(tenant, '{service="a"}') == [(now, "one"), (now + 1, "bad \ufffd byte")]


def test_json_is_stored_and_found_with_its_metadata(role, tenant, now):
    assert role.push(tenant, {"service": "a"}, [(now, "one", {"k": "v"})]).status_code == 204
    answer = role.get("query_range", tenant, query='{service="a"}').json()["data"]["result"]
    assert answer == [{"stream": {"k": "v", "service": "a"}, "values": [[str(now), "one"]]}]


def test_gzip(role, tenant, now):
    body = gzip.compress(json.dumps({"streams": [{"stream": {"a": "b"}, "values": [[str(now), "x"]]}]}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert push_body(role, tenant, body, **headers).status_code == 204
    assert role.query(tenant, '{a="b"}') == [(now, "x")]


def test_late_and_unordered_entries_are_stored(role, tenant, now):
    lines = [(now, "now"), (now - 3 * 3600 * SECOND, "late"), (now - 5, "before")]
    assert role.push(tenant, {"a": "b"}, lines).status_code == 204
    assert [line for _, line in role.query(tenant, '{a="b"}', since="6h")] == ["late", "before", "now"]


def test_tenants_do_not_see_each_other(role, tenant, now):
    role.push(tenant, {"a": "b"}, [(now, "mine")])
    assert role.query(f"{tenant}-other", '{a="b"}') == []
    answer = role.client.post("/loki/api/v1/push", json={"streams": []})
    assert (answer.status_code, "no org id" in answer.text) == (401, True)


def test_the_good_entries_of_a_partly_bad_push_are_stored(role, tenant, now):
    answer = role.push(tenant, {"a": "b"}, [(now, "good"), (now + 3600 * SECOND, "too new"), (1, "too old")])
    assert answer.status_code == 400
    assert "has timestamp too new" in answer.text
    assert "has timestamp too old" in answer.text
    assert role.query(tenant, '{a="b"}') == [(now, "good")]


JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", JSON, 400),
        (b"{}", {}, 400),
        (b"{", JSON, 400),
        (b"[" * 10_000, JSON, 400),
        (b"not snappy", PROTOBUF, 400),
        (bytes(cramjam.snappy.compress_raw(b"\xff\xff\xff")), PROTOBUF, 400),
        (b'{"streams":[]}', JSON, 422),
        (bytes(cramjam.snappy.compress_raw(b"")), PROTOBUF, 422),
        (b"x", {**JSON, "Content-Encoding": "gzip"}, 400),
        (b"x", {**JSON, "Content-Encoding": "zstd"}, 400),
        (b'{"streams":[{"stream":{},"values":[["1","x"]]}]}', JSON, 400),
        (b'{"streams":[{"stream":{"a":"b"},"values":[["1","x"]]}]}', {**JSON, "X-Opsconductor-Sources": "?"}, 400),
        (b"\xff\xff\xff\xff\x0f", PROTOBUF, 413),
        (gzip.compress(bytes(101 << 20), 1), {**JSON, "Content-Encoding": "gzip"}, 413),
        (b"{}", {**JSON, "X-Scope-OrgID": "../up"}, 400),
    ],
)
def test_bad_pushes_are_refused_with_a_reason(role, tenant, body, headers, status):
    answer = push_body(role, tenant, body, **headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert len(answer.text) > 10


def test_an_empty_stream_list_of_one_stream_is_no_error(role, tenant):
    assert role.push(tenant, {"a": "b"}, []).status_code == 204


def test_no_mutated_body_is_a_server_error_or_the_end_of_the_role(role, tenant, now):
    chance = random.Random(now)
    good = [
        (encode_protobuf('{a="b"}', [(now, b"line"), (now, b"x" * 50)]), PROTOBUF),
        (f'{{"streams":[{{"stream":{{"a":"b"}},"values":[["{now}","line",{{"k":"v"}}]]}}]}}'.encode(), JSON),
    ]
    statuses = set()
    for _ in range(400):
        body, headers = chance.choice(good)
        mutated = bytearray(body)
        for _ in range(chance.randrange(1, 5)):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        if chance.random() < 0.3:
            # past the checksum-less compression: what the decoder of messages makes of it
            mutated = mutated if headers is JSON else bytearray(cramjam.snappy.compress_raw(bytes(mutated)))
        statuses.add(
            push_body(role, tenant, bytes(mutated[: len(mutated) - chance.randrange(3)]), **headers).status_code
        )
    assert max(statuses) < 500
    assert len(statuses) > 1
    assert role.client.get("/ready").status_code == 200


def make_sources(*ranges):
    items = [dict(zip(("id", "start", "end", "gap"), one, strict=False)) for one in ranges]
    return {"X-Opsconductor-Sources": base64.b64encode(json.dumps(items).encode()).decode()}


def test_a_resent_range_is_invisible_and_a_hole_is_a_conflict(role, tenant, now):
    def push(line, *ranges):
        return role.push(tenant, {"a": "b"}, [(now, line)], **make_sources(*ranges))

    assert push("one", ("f", 0, 10)).status_code == 204
    assert push("one", ("f", 0, 10)).status_code == 204
    assert push("two", ("f", 10, 20)).status_code == 204
    conflict = push("four", ("f", 30, 40))
    assert (conflict.status_code, conflict.json()) == (409, {"committed": {"f": 20}})
    overlap = push("overlap", ("f", 15, 25))
    assert (overlap.status_code, overlap.json()) == (409, {"committed": {"f": 20}})
    assert push("five", ("f", 40, 50, True)).status_code == 204
    assert sorted(line for _, line in role.query(tenant, '{a="b"}')) == ["five", "one", "two"]


def test_refused_lines_still_move_their_source(role, tenant, now):
    answer = role.push(tenant, {"a": "b"}, [(1, "too old")], **make_sources(("f", 0, 10)))
    assert answer.status_code == 400
    assert role.push(tenant, {"a": "b"}, [(now, "next")], **make_sources(("f", 10, 20))).status_code == 204


def test_sources_without_lines_are_committed(role, tenant, now):
    body, headers = {"streams": []}, {"X-Scope-OrgID": tenant}
    answer = role.client.post("/loki/api/v1/push", json=body, headers={**headers, **make_sources(("f", 0, 10))})
    assert answer.status_code == 204
    assert role.push(tenant, {"a": "b"}, [(now, "x")], **make_sources(("f", 0, 5))).status_code == 204
    assert role.query(tenant, '{a="b"}') == []


def test_the_rate_limit_names_itself_and_lets_go(start_role, now):
    config = "auth_enabled: false\nlimits_config: {ingestion_rate_mb: 0.01, ingestion_burst_size_mb: 0.02}\n"
    role = start_role(config=config)
    assert role.push("", {"a": "b"}, [(now, "x" * 20_000)]).status_code == 204
    refused = role.push("", {"a": "b"}, [(now, "y" * 5_000)])
    assert refused.status_code == 429
    assert "ingestion rate limit exceeded for user fake (limit: 10485 bytes/sec)" in refused.text
    assert refused.headers["retry-after"] == "1"
    deadline = time.monotonic() + 20
    while role.push("", {"a": "b"}, [(now, "y" * 5_000)]).status_code != 204:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert [len(line) for _, line in role.query("", '{a="b"}')] == [20_000, 5_000]


def test_the_role_counts_what_it_took_and_refused(role, tenant, now):
    role.push(tenant, {"a": "b"}, [(now, "12345"), (1, "too old")])
    text = role.client.get("/metrics").text
    assert f'opsconductor_logs_received_lines_total{{tenant="{tenant}"}} 1' in text
    assert f'opsconductor_logs_received_bytes_total{{tenant="{tenant}"}} 5' in text
    line = f'opsconductor_logs_refused_lines_total{{tenant="{tenant}",reason="greater_than_max_sample_age"}} 1'
    assert line in text

"""Nonsense to every listener: never a 5xx, and the role goes on."""

import random
from urllib.parse import urlencode

import grpc
import httpx
from traces_role import EXPORT, PROTOBUF, build_request, new_ids

PATHS = (
    "traces",
    "traces/1",
    "traces/{}",
    "services/{}/operations",
    "operations",
    "dependencies",
    "v3/traces",
    "v3/traces/{}",
    "v3/operations",
    "v3/trace-summaries",
)
NAMES = [
    "service",
    "operation",
    "start",
    "end",
    "limit",
    "minDuration",
    "maxDuration",
    "tag",
    "tags",
    "traceID",
    "raw",
    "prettyPrint",
    "spanKind",
    "endTs",
    "lookback",
    "query.serviceName",
    "query.startTimeMin",
    "query.startTimeMax",
    "query.searchDepth",
    "query.attributes",
    "query.durationMin",
    "query.rawTraces",
    "startTime",
    "end_time",
    "path.trace_id",
    "path.service",
]
VALUES = (
    "",
    "0",
    "-1",
    "1",
    "99999999999999999999",
    "9223372036854775807",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999-23:59",
    "0001-01-01T00:00:00Z",
    "1e99s",
    "-5m",
    "a:b",
    "a:'",
    '{"a":"b"}',
    '{"\\ud800":"\\u0000"}',
    "[" * 5000,
    "true",
    "%",
    "\ud7ff\u2028",
    "\x00",
    "server",
)


def test_queries_of_nonsense_are_answered(role, service):
    trace_id, (span_id,) = new_ids()
    role.send(build_request(service, {"trace_id": trace_id, "span_id": span_id}).SerializeToString())
    chance = random.Random(3)
    with httpx.Client(base_url=f"{role.url}/api/", timeout=30) as client:
        for _ in range(400):
            parameters = [(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.randrange(5))]
            path = chance.choice(PATHS).format(chance.choice(["%2F", "x", "%ff", "%00", "a%20b", "0" * 40]))
            answer = client.get(f"{path}?{urlencode(parameters)}")
            assert answer.status_code < 500, (path, parameters, answer.text)
    assert role.find(service=service) == {trace_id.hex(): [span_id.hex()]}


def test_damaged_requests_are_answered(role, service):
    trace_id, (span_id,) = new_ids()
    whole = build_request(service, {"trace_id": trace_id, "span_id": span_id}).SerializeToString()
    chance, codes = random.Random(4), set()
    target = f"127.0.0.1:{role.grpc_port}"
    with httpx.Client(timeout=30) as client, grpc.insecure_channel(target) as channel:
        export = channel.unary_unary(EXPORT)
        for _ in range(150):
            body = bytearray(whole)
            for _ in range(chance.randrange(1, 4)):
                body[chance.randrange(len(body))] = chance.randrange(256)
            assert client.post(role.receiver, content=bytes(body), headers=PROTOBUF).status_code in (200, 400)
            try:
                export(bytes(body), timeout=30)
            except grpc.RpcError as error:
                codes.add(error.code())
    assert codes <= {grpc.StatusCode.INVALID_ARGUMENT}
    assert role.send(whole).status_code == 200
    assert role.find(traceID=trace_id.hex()) != {}

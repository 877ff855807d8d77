"""Both receivers over a store that refuses: what a sender may try again, and what it must change."""

import socket

import grpc
import httpx
import pytest
from stored_spans import SETTINGS
from traces_role import EXPORT, PROTOBUF, build_request, new_ids

from opsconductor.serving.server import ListenError
from opsconductor.storage.settings import StorageSettings
from opsconductor.storage.writer import Writer
from opsconductor.traces.figures import make_figures
from opsconductor.traces.grpc_receiver import GrpcReceiver
from opsconductor.traces.http_receiver import HttpReceiver
from opsconductor.traces.ingest import Ingest
from opsconductor.traces.messages import message_type
from opsconductor.traces.table import SPANS

LIMIT = 1 << 20
LOOPBACK = ("127.0.0.1", 0)


@pytest.fixture
def ingest():
    return Ingest(retention_ns=0, figures=make_figures())


@pytest.fixture
def open_writer(tmp_path, ingest):
    """open_writer(settings): the writer that the ingest uses."""
    writers = []

    def start(settings):
        ingest.writer = Writer.open(tmp_path, SPANS, settings)
        writers.append(ingest.writer)

    yield start
    for writer in writers:
        writer.close()


@pytest.fixture
def body():
    trace_id, (span_id,) = new_ids()
    return build_request("auth", {"trace_id": trace_id, "span_id": span_id}).SerializeToString()


async def post(ingest, body, headers=PROTOBUF):
    receiver = HttpReceiver(ingest, LIMIT, make_figures())
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(receiver), base_url="http://traces") as client:
            return await client.post("/v1/traces", content=body, headers=headers)
    finally:
        receiver.close()


def call(ingest, body):
    receiver = GrpcReceiver(ingest, LOOPBACK, LIMIT, make_figures())
    receiver.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{receiver.port}") as channel:
            return channel.unary_unary(EXPORT)(body, timeout=10)
    finally:
        receiver.stop()


REFUSING = [
    (StorageSettings(disk_reserve_bytes=1 << 60), 503, "disk_reserve_bytes"),
    (StorageSettings(max_backlog_bytes=1, disk_reserve_bytes=0), 429, "max_backlog_bytes"),
]


@pytest.mark.parametrize(("settings", "status", "text"), REFUSING)
async def test_a_store_that_refuses_is_tried_again_over_http(ingest, open_writer, body, settings, status, text):
    open_writer(settings)
    answer = await post(ingest, body)
    assert answer.status_code == status
    assert answer.headers["retry-after"] == "1"
    found = message_type("RpcStatus").FromString(answer.content)
    assert found.code == 14
    assert text in found.message


@pytest.mark.parametrize(("settings", "status", "text"), REFUSING)
def test_a_store_that_refuses_is_tried_again_over_grpc(ingest, open_writer, body, settings, status, text):
    open_writer(settings)
    with pytest.raises(grpc.RpcError) as caught:
        call(ingest, body)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert text in caught.value.details()


async def test_a_role_that_still_replays_is_tried_again(ingest, body):
    assert (await post(ingest, body)).status_code == 503
    with pytest.raises(grpc.RpcError) as caught:
        call(ingest, body)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_bodies_have_a_limit(ingest, open_writer):
    open_writer(SETTINGS)
    large = bytes(LIMIT + 1)
    answer = await post(ingest, large)
    assert answer.status_code == 413
    assert b"receivers.otlp.protocols.http.max_request_body_size" in answer.content
    with pytest.raises(grpc.RpcError) as caught:
        call(ingest, large)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_spans_beyond_retention_are_refused(open_writer, ingest, tmp_path):
    old = Ingest(retention_ns=3_600 * 10**9, figures=make_figures())
    open_writer(SETTINGS)
    old.writer = ingest.writer
    trace_id, (span_id,) = new_ids()
    span = {"trace_id": trace_id, "span_id": span_id, "start_time_unix_nano": 10**9, "end_time_unix_nano": 10**9}
    admitted, stored = old.append(build_request("auth", span).SerializeToString())
    assert stored is None
    assert old.acknowledge(admitted).reason == "1 span: the start time is older than what is kept (ttl.spans)"


def test_an_occupied_grpc_port_is_named(ingest):
    with socket.create_server(LOOPBACK) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}"):
            GrpcReceiver(ingest, ("127.0.0.1", port), LIMIT, make_figures())

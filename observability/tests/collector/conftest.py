"""A log store of the push contract, in memory and over HTTP; it decodes by protobuf, not by our own writer."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cramjam
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
TYPES = {"int64": FIELD.TYPE_INT64, "int32": FIELD.TYPE_INT32, "string": FIELD.TYPE_STRING}
MESSAGES = {
    "Timestamp": [("seconds", "int64", 1, False), ("nanos", "int32", 2, False)],
    "Entry": [("timestamp", "Timestamp", 1, False), ("line", "string", 2, False)],
    "Stream": [("labels", "string", 1, False), ("entries", "Entry", 2, True)],
    "PushRequest": [("streams", "Stream", 1, True)],
}


def _make_push_request() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="push.proto", package="push", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, kind, number, repeated in fields:
            label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
            added = message.field.add(name=field_name, number=number, label=label)
            if kind in TYPES:
                added.type = TYPES[kind]
            else:
                added.type, added.type_name = FIELD.TYPE_MESSAGE, f".push.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("push.PushRequest"))


PUSH_REQUEST = _make_push_request()


@dataclass
class Store:
    """entries: (labels, time ns, line) as stored; committed: end by source id; refuse: lines that earn 400."""

    entries: list[tuple[str, int, str]] = field(default_factory=list)
    committed: dict[str, int] = field(default_factory=dict)
    refuse: Callable[[str], bool] = lambda line: False
    bare_pushes: int = 0

    @property
    def lines(self) -> list[str]:
        return [line for _, _, line in self.entries]

    def push(self, header: str | None, body: bytes) -> tuple[int, dict[str, Any]]:
        """(status, JSON answer): 204, 400 with the good entries stored, or 409 with the committed ends."""
        ranges = json.loads(base64.b64decode(header)) if header else []
        self.bare_pushes += not ranges
        known = {item["id"]: self.committed.get(item["id"]) for item in ranges}
        if ranges and all(known[item["id"]] is not None and item["end"] <= known[item["id"]] for item in ranges):
            return 204, {}
        for item in ranges:
            end = known[item["id"]]
            if end is not None and item["start"] != end and not (item["gap"] and item["start"] > end):
                return 409, {"committed": {key: value for key, value in known.items() if value is not None}}
        request = PUSH_REQUEST()
        request.ParseFromString(bytes(cramjam.snappy.decompress_raw(body)))
        found = [
            (stream.labels, entry.timestamp.seconds * 10**9 + entry.timestamp.nanos, entry.line)
            for stream in request.streams
            for entry in stream.entries
        ]
        if not ranges:
            found = [entry for entry in found if entry not in set(self.entries)]
        good = [entry for entry in found if not self.refuse(entry[2])]
        self.entries += good
        self.committed.update({item["id"]: item["end"] for item in ranges})
        return (204, {}) if len(good) == len(found) else (400, {"message": "some entries are bad"})


@dataclass
class StoreServer:
    """The store behind a port. mode: "up", "fail" (500), "busy" (429), "cut" (closes), "hang", "lose" (stores, then
    closes without an answer)."""

    store: Store
    port: int
    mode: str = "up"
    received: list[bytes] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/loki/api/v1/push"


def _make_handler(find_server: Callable[[], StoreServer], lock: threading.Lock) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            server = find_server()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.received.append(body)
            mode = server.mode
            if mode == "hang":
                server.release.wait(20)
                mode = "cut"
            if mode == "cut":
                self.close_connection = True
                return
            if mode in ("fail", "busy"):
                self._answer(500 if mode == "fail" else 429, {})
                return
            with lock:
                status, answer = server.store.push(self.headers.get("X-Opsconductor-Sources"), body)
            if mode == "lose":
                self.close_connection = True
                return
            self._answer(status, answer)

        def _answer(self, status: int, answer: dict[str, Any]) -> None:
            content = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    return Handler


@pytest.fixture
def make_store() -> Callable[[], Store]:
    return Store


@pytest.fixture
def store_server() -> Iterator[StoreServer]:
    """A store that answers on a free port."""
    holder: list[StoreServer] = []
    http = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(lambda: holder[0], threading.Lock()))
    http.daemon_threads = True
    server = StoreServer(Store(), http.server_address[1])
    holder.append(server)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.release.set()
    http.shutdown()
    thread.join()
    http.server_close()

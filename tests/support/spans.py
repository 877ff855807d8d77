"""A collector of spans for tests: receives OTLP/HTTP, decodes it with google.protobuf, behaves as badly as asked.

with SpanReceiver() as receiver:
    start(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    span = receiver.wait_for(name="GET /items/{key}")
"""

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from support.platform import wait_until

PACKAGE = "opsconductor.test.otlp"
KINDS = ("", "internal", "server", "client", "producer", "consumer")

# number and type of each field; a capital is a message, * a list. From opentelemetry-proto's trace.proto.
MESSAGES = {
    "AnyValue": "string_value=1:string bool_value=2:bool int_value=3:int64 double_value=4:double array_value=5:Array",
    "Array": "values=1:AnyValue*",
    "KeyValue": "key=1:string value=2:AnyValue",
    "Resource": "attributes=1:KeyValue*",
    "Scope": "name=1:string version=2:string",
    "Event": "time_unix_nano=1:fixed64 name=2:string attributes=3:KeyValue*",
    "Status": "message=2:string code=3:int32",
    "Span": "trace_id=1:bytes span_id=2:bytes trace_state=3:string parent_span_id=4:bytes name=5:string kind=6:int32 "
    "start_time_unix_nano=7:fixed64 end_time_unix_nano=8:fixed64 attributes=9:KeyValue* events=11:Event* "
    "status=15:Status flags=16:fixed32",
    "ScopeSpans": "scope=1:Scope spans=2:Span*",
    "ResourceSpans": "resource=1:Resource scope_spans=2:ScopeSpans*",
    "Request": "resource_spans=1:ResourceSpans*",
}


def make_classes() -> dict[str, type[Any]]:
    file = descriptor_pb2.FileDescriptorProto(name="otlp_test.proto", package=PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for text in fields.split():
            label, _, rest = text.partition("=")
            number, _, kind = rest.partition(":")
            repeated, kind = kind.endswith("*"), kind.rstrip("*")
            added = message.field.add(name=label, number=int(number), label=3 if repeated else 1)
            if kind[0].isupper():
                added.type, added.type_name = 11, f".{PACKAGE}.{kind}"
            else:
                added.type = getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{kind.upper()}")
            if name == "AnyValue":
                added.oneof_index = 0
        if name == "AnyValue":
            message.oneof_decl.add(name="value")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"{PACKAGE}.{name}") for name in MESSAGES}
    return {name: message_factory.GetMessageClass(one) for name, one in found.items()}


CLASSES = make_classes()


@dataclass(frozen=True)
class ReceivedSpan:
    service: str
    resource: dict[str, Any]
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    events: tuple[tuple[str, dict[str, Any]], ...]
    failed: bool
    message: str
    state: str
    flags: int


def read_value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [read_value(item) for item in value.array_value.values] if kind == "array_value" else getattr(value, kind)


def read_attributes(pairs: Any) -> dict[str, Any]:
    counts = Counter(pair.key for pair in pairs)
    assert max(counts.values(), default=1) == 1, f"an attribute is there twice: {counts}"
    return {pair.key: read_value(pair.value) for pair in pairs}


def decode_request(body: bytes) -> list[ReceivedSpan]:
    """Every span; AssertionError for a field that OTLP does not know."""
    request = CLASSES["Request"].FromString(body)
    assert_known(request)
    return [
        ReceivedSpan(
            service=resource.get("service.name", ""),
            resource=resource,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            name=span.name,
            kind=KINDS[span.kind],
            start_ns=span.start_time_unix_nano,
            end_ns=span.end_time_unix_nano,
            attributes=read_attributes(span.attributes),
            events=tuple((event.name, read_attributes(event.attributes)) for event in span.events),
            failed=span.status.code == 2,
            message=span.status.message,
            state=span.trace_state,
            flags=span.flags,
        )
        for group in request.resource_spans
        for resource in [read_attributes(group.resource.attributes)]
        for scope in group.scope_spans
        for span in scope.spans
    ]


def assert_known(message: Any) -> None:
    # an unknown field is lost on the way through JSON
    again = json_format.Parse(json_format.MessageToJson(message), type(message)())
    assert again.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)


@dataclass
class SpanReceiver:
    """manner: a status to answer, "hang" (never answers), "slow" (half a second each)."""

    manner: int | str = 200
    port: int = 0
    spans: list[ReceivedSpan] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        receiver = self
        self._over = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                if receiver.manner == "hang":
                    receiver._over.wait(60)
                    return
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.manner == "slow":
                    receiver._over.wait(0.5)
                status = receiver.manner if isinstance(receiver.manner, int) else 200
                if status == 200:
                    receiver.spans += decode_request(body)
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client may leave
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def find(self, **wanted: Any) -> list[ReceivedSpan]:
        """The spans so far with these values; attributes by their names with _ for dots in `attributes`."""
        return [span for span in self.spans if all(getattr(span, name) == value for name, value in wanted.items())]

    def wait_for(self, timeout_s: float = 15, **wanted: Any) -> ReceivedSpan:
        """The first such span."""
        shown = json.dumps(wanted)
        found: list[ReceivedSpan] = wait_until(lambda: self.find(**wanted), timeout_s, f"span {shown}")
        return found[0]

"""A real traces role as a process, and requests to send to it."""

import time
import uuid

import httpx
from support.role_process import RoleProcess, free_port

from opsconductor.traces.messages import REQUEST, message_type

CONFIG = "extensions: {jaeger_storage: {backends: {traces: {badger: {ttl: {spans: 0}}}}}}\n"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class TracesRole(RoleProcess):
    """The role with its two further listeners."""

    def __init__(self, folder, config=CONFIG, data=None):
        (folder / "jaeger.yml").write_text(config)
        super().__init__("traces", folder / "jaeger.yml", data or folder / "data")
        self.http_port, self.grpc_port = free_port(), free_port()

    def start(self, **options):
        http, grpc = (f"127.0.0.1:{port}" for port in (self.http_port, self.grpc_port))
        return super().start("--otlp-http", http, "--otlp-grpc", grpc, **options)

    @property
    def receiver(self):
        return f"http://127.0.0.1:{self.http_port}/v1/traces"

    def send(self, body, **headers):
        return httpx.post(self.receiver, content=body, headers=PROTOBUF | headers, timeout=30)

    def send_json(self, document):
        return httpx.post(self.receiver, json=document, timeout=30)

    def get(self, path, **params):
        return httpx.get(f"{self.url}/api/{path}", params=params, timeout=30)

    def find(self, **params):
        """trace id → its spans' ids, in the order of the answer; from a search over all of time."""
        answer = self.get("traces", **{"start": 0, "limit": 10_000, **params})
        assert answer.status_code == 200, answer.text
        return {trace["traceID"]: [span["spanID"] for span in trace["spans"]] for trace in answer.json()["data"]}


def build_request(service, *spans):
    """A request of one resource; each span a dict of its fields."""
    request = message_type(REQUEST)()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    scope = resource.scope_spans.add()
    now = time.time_ns()
    for span in spans:
        scope.spans.add(**{"name": "op", "start_time_unix_nano": now, "end_time_unix_nano": now + 1_000_000, **span})
    return request


def new_ids(count=1):
    """(trace id, span ids), never seen before."""
    return uuid.uuid4().bytes, [uuid.uuid4().bytes[:8] for _ in range(count)]

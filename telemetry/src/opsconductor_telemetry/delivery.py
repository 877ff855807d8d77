"""One POST to the collector of spans, within a time that nothing can stretch."""

import http.client
import re
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from opsconductor_telemetry.address import resolve_address
from opsconductor_telemetry.context import make_root
from opsconductor_telemetry.errors import TelemetryError
from opsconductor_telemetry.traceparent import format_traceparent

ENVIRONMENT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PATH = "/v1/traces"
MAX_ANSWER_BYTES = 64 * 1024
RETRIED = frozenset({429, 502, 503, 504})
"""Answers after which the same spans are sent again. Spec: OTLP 1.5, OTLP/HTTP response."""

_STATUS = re.compile(rb"HTTP/1\.\d (\d{3})")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)


class DeliveryError(Exception):
    """The spans were not taken. retriable: whether the same ones may be sent again."""

    def __init__(self, reason: str, *, retriable: bool) -> None:
        super().__init__(reason)
        self.retriable = retriable


@dataclass(frozen=True)
class Collector:
    """Where spans go; the name stands for an address in the address table. Paths end in /v1/traces."""

    scheme: str
    host: str
    port: int
    path: str

    def post(self, body: bytes, timeout_s: float) -> None:
        """Send one ExportTraceServiceRequest; DeliveryError where that failed or took longer than timeout_s.

        Each on a connection of its own: one a second costs nothing, and none is ever found dead.
        """
        deadline = time.monotonic() + timeout_s
        kind = http.client.HTTPSConnection if self.scheme == "https" else http.client.HTTPConnection
        try:
            connection = kind(*resolve_address(self.host, self.port), timeout=_left(deadline))
            try:
                self._send(connection, body, deadline)
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: a name that is no host name
            raise DeliveryError(f"{error or type(error).__name__}", retriable=True) from error

    def _send(self, connection: http.client.HTTPConnection, body: bytes, deadline: float) -> None:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        connection.connect()
        connection.sock.settimeout(_left(deadline))
        unsampled = make_root()
        headers = {
            "Host": f"{shown}:{self.port}",
            "Content-Type": "application/x-protobuf",
            "Connection": "close",
            # a collector that traces itself must make no spans of being sent spans
            "traceparent": format_traceparent(unsampled.trace_id, unsampled.span_id, 0),
        }
        connection.request("POST", self.path, body, headers)
        status = _read_status(connection.sock, deadline)
        if not 200 <= status < 300:
            raise DeliveryError(f"the collector answered {status}", retriable=status in RETRIED)


def read_collector(endpoint: str) -> Collector:
    """The collector of OTEL_EXPORTER_OTLP_ENDPOINT, such as http://jaeger:4318; TelemetryError when it is no URL."""
    try:
        parts = urlsplit(endpoint)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        parts, port = urlsplit(""), 0
    if not parts.hostname:
        raise TelemetryError(
            f'cannot send spans to {ENVIRONMENT} "{endpoint}": write http://HOST:PORT or leave it out'
        )
    resolve_address(parts.hostname, port)  # a wrong table of addresses is said now
    return Collector(parts.scheme, parts.hostname, port, parts.path.rstrip("/") + PATH)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _read_status(sock: socket.socket, deadline: float) -> int:
    """The answer's status; its body is read but not looked at. http.client would let a collector drip for ever."""
    answer = b""
    while not _is_complete(answer) and len(answer) < MAX_ANSWER_BYTES:
        sock.settimeout(_left(deadline))
        piece = sock.recv(8192)
        if not piece:
            break
        answer += piece
    match = _STATUS.match(answer)
    if match is None:
        raise DeliveryError("the collector gave no HTTP answer", retriable=True)
    return int(match[1])


def _is_complete(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    return bool(end) and length is not None and len(body) >= int(length[1])

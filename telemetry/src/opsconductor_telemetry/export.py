"""Spans out to the collector without ever making the caller wait.

A bounded queue and one thread. A dead, hanging or slow collector costs spans, the oldest first, and they are counted;
it never costs a request. Without OTEL_EXPORTER_OTLP_ENDPOINT there is no exporter at all.
"""

import os
import random
import socket
import threading
import time
from collections import deque
from importlib.metadata import PackageNotFoundError, version

from opsconductor_telemetry.delivery import ENVIRONMENT, Collector, DeliveryError, read_collector
from opsconductor_telemetry.instruments import DROPPED
from opsconductor_telemetry.log import get_logger
from opsconductor_telemetry.otlp import encode_request, encode_resource

MAX_QUEUED_SPANS = 8192
MAX_QUEUED_BYTES = 8 * 1024 * 1024
"""At most what a burst of a few seconds needs; OpenTelemetry's own queue (OTEL_BSP_MAX_QUEUE_SIZE) has 2048 spans."""

MAX_BATCH_SPANS = 512
MAX_BATCH_BYTES = 1024 * 1024
"""OpenTelemetry's OTEL_BSP_MAX_EXPORT_BATCH_SIZE, and a quarter of what a gRPC collector takes."""

DELAY_S = 1.0
"""How long a span waits for others to share its batch."""

TIMEOUT_S = 10.0
"""OpenTelemetry's OTEL_EXPORTER_OTLP_TIMEOUT."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""Pauses after failures, doubling, with jitter."""

log = get_logger(__name__)


class SpanExporter:
    """collector: where to; resource: a message Resource. Thread-safe.

    The thread is a daemon: a collector that hangs cannot keep the process from ending.
    """

    def __init__(self, collector: Collector, resource: bytes) -> None:
        self._collector = collector
        self._resource = resource
        self._spans: deque[bytes] = deque()
        self._bytes = 0
        self._stop_at: float | None = None
        self._failing = False
        self._changed = threading.Condition(threading.Lock())
        self._thread = threading.Thread(target=self._run, name="telemetry-exporter", daemon=True)
        self._thread.start()

    def put(self, span: bytes) -> None:
        """Queue one span; drops the oldest where the queue is full, and this one after stop()."""
        dropped = 0
        with self._changed:
            if self._stop_at is not None:
                dropped = 1
            else:
                self._spans.append(span)
                self._bytes += len(span)
                while len(self._spans) > MAX_QUEUED_SPANS or self._bytes > MAX_QUEUED_BYTES:
                    self._bytes -= len(self._spans.popleft())
                    dropped += 1
                if len(self._spans) in {1, MAX_BATCH_SPANS}:
                    self._changed.notify()
        if dropped:
            DROPPED.add(dropped, signal="traces")

    def stop(self, timeout_s: float) -> None:
        """Send what is queued, for at most timeout_s, and end; what is left is dropped.

        A second call waits for the rest of the first one's time at most.
        """
        with self._changed:
            if self._stop_at is None:
                self._stop_at = time.monotonic() + timeout_s
            left_s = self._stop_at - time.monotonic()
            self._changed.notify()
        self._thread.join(max(left_s, 0.0))

    def _run(self) -> None:
        pause_s = 0.0
        while True:
            with self._changed:
                self._wait(pause_s)
                if not self._spans:
                    return
                batch = self._take()
                timeout_s = TIMEOUT_S if self._stop_at is None else self._stop_at - time.monotonic()
            try:
                self._collector.post(encode_request(self._resource, batch), timeout_s)
                pause_s = 0.0
                self._tell_success()
            except DeliveryError as error:
                pause_s = min(max(pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S) * random.uniform(0.8, 1.0)
                self._tell_failure(error)
                if self._give_back(batch, retriable=error.retriable):
                    return

    def _wait(self, pause_s: float) -> None:
        """Until there is a batch, or the exporter stops; not before the pause is over."""
        self._changed.wait_for(lambda: self._stop_at is not None, pause_s)
        self._changed.wait_for(lambda: self._spans or self._stop_at is not None)
        self._changed.wait_for(lambda: len(self._spans) >= MAX_BATCH_SPANS or self._stop_at is not None, DELAY_S)

    def _take(self) -> list[bytes]:
        batch = [self._spans.popleft()]
        size = len(batch[0])
        while self._spans and len(batch) < MAX_BATCH_SPANS and size + len(self._spans[0]) <= MAX_BATCH_BYTES:
            batch.append(self._spans.popleft())
            size += len(batch[-1])
        self._bytes -= size
        return batch

    def _give_back(self, batch: list[bytes], *, retriable: bool) -> bool:
        """Queue a failed batch again, as far as there is room, the newest spans first; whether to stop now."""
        with self._changed:
            stopping = self._stop_at is not None
            if retriable and not stopping:
                while batch and len(self._spans) < MAX_QUEUED_SPANS and self._bytes < MAX_QUEUED_BYTES:
                    self._spans.appendleft(batch.pop())
                    self._bytes += len(self._spans[0])
            elif stopping:
                batch += self._spans
                self._spans.clear()
        if batch:
            DROPPED.add(len(batch), signal="traces")
        return stopping

    def _tell_failure(self, error: DeliveryError) -> None:
        if not self._failing:
            self._failing = True
            log.warning("cannot export spans", reason=str(error), collector=self._describe())

    def _tell_success(self) -> None:
        if self._failing:
            self._failing = False
            log.info("spans are exported again", collector=self._describe())

    def _describe(self) -> str:
        return f"{self._collector.host}:{self._collector.port}"


active: SpanExporter | None = None
"""The process's exporter; None where spans are not wanted."""


def start_export(service: str) -> None:
    """Begin to export where OTEL_EXPORTER_OTLP_ENDPOINT says so; TelemetryError when that is no URL."""
    global active
    endpoint = os.environ.get(ENVIRONMENT)
    if endpoint and active is None:
        active = SpanExporter(read_collector(endpoint), encode_resource(_describe_resource(service)))


def stop_export(timeout_s: float) -> None:
    """Send what is queued, for at most timeout_s seconds."""
    if active is not None:
        active.stop(timeout_s)


def _describe_resource(service: str) -> dict[str, object]:
    try:
        installed = version("opsconductor-telemetry")
    except PackageNotFoundError:
        installed = "unknown"
    return {
        "service.name": service,
        "service.version": installed,
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        "telemetry.sdk.name": "opsconductor_telemetry",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": installed,
    }

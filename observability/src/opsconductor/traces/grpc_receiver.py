"""TraceService/Export over gRPC, bytes in and out: the same decoder as OTLP/HTTP, no generated code.

Spec: OTLP/gRPC. What may be tried again is UNAVAILABLE, what must change is INVALID_ARGUMENT.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc

from opsconductor.model.errors import OpsConductorError
from opsconductor.serving.server import ListenError
from opsconductor.traces.figures import Figures
from opsconductor.traces.ingest import Ingest, is_retriable

SERVICE: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
THREADS: Final = 8
MAX_CALLS: Final = 32
"""Calls at the same time; beyond, RESOURCE_EXHAUSTED."""

STORE_S: Final = 30.0
"""How long a call waits for the disk; the span of a sender's own deadline is usually shorter."""

END_S: Final = 2.0


class GrpcReceiver:
    """The gRPC listener. Raises ListenError where the address cannot be had; limit: bytes of a message."""

    def __init__(self, ingest: Ingest, listen: tuple[str, int], limit: int, figures: Figures) -> None:
        self._ingest, self._figures = ingest, figures
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, "grpc"),
            handlers=(self._make_handler(),),
            options=(("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", limit)),
            maximum_concurrent_rpcs=MAX_CALLS,
        )
        host, port = listen
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise ListenError(
                f"cannot listen on {address}: the port is in use, or the address is not this machine's; choose"
                " another with --otlp-grpc HOST:PORT"
            ) from error

    def start(self) -> None:
        """Take calls."""
        self._server.start()

    def stop(self) -> None:
        """Refuse new calls and wait a moment for those under way."""
        self._server.stop(END_S).wait(END_S + 1)

    def _make_handler(self) -> Any:
        return grpc.method_handlers_generic_handler(
            SERVICE, {"Export": grpc.unary_unary_rpc_method_handler(self._export)}
        )

    def _export(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        started = time.perf_counter()
        code, answer = grpc.StatusCode.OK, b""
        try:
            admitted, stored = self._ingest.append(body)
            if stored is not None:
                stored.result(STORE_S)
            answer = self._ingest.acknowledge(admitted).encode()
        except TimeoutError:
            code = grpc.StatusCode.UNAVAILABLE
            context.set_details("cannot store now: the disk is slow; try again")
        except OpsConductorError as error:
            code = grpc.StatusCode.UNAVAILABLE if is_retriable(error) else grpc.StatusCode.INVALID_ARGUMENT
            context.set_details(str(error))
        context.set_code(code)
        self._figures.requests.add(1, "grpc", code.name)
        self._figures.request_seconds.observe(time.perf_counter() - started, "grpc")
        return answer

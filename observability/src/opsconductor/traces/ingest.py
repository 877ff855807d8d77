"""What both receivers do with a request: decode, admit, append; acknowledged once it is on disk."""

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass

from opsconductor.model.errors import LimitError, UnavailableError
from opsconductor.storage.append import Append
from opsconductor.storage.writer import Writer
from opsconductor.traces.admission import Admitted, SeriesCache, admit, describe_refusals
from opsconductor.traces.decoding import decode_request
from opsconductor.traces.figures import Figures
from opsconductor.traces.messages import message_type
from opsconductor.traces.table import TENANT
from opsconductor_telemetry import get_logger

log = get_logger(__name__)

_REFUSAL_LOG_S = 1.0


@dataclass(frozen=True)
class Outcome:
    """What became of a request whose good spans are stored: the spans refused for good, and why."""

    refused: int
    reason: str

    def encode(self) -> bytes:
        """The answer's message; empty where everything was stored."""
        answer = message_type("ExportTraceServiceResponse")()
        if self.refused:
            answer.partial_success.rejected_spans = self.refused
            answer.partial_success.error_message = self.reason
        encoded: bytes = answer.SerializeToString()
        return encoded


class Ingest:
    """Stores requests. `writer` is None until the write-ahead log has been replayed. Thread-safe.

    retention_ns: spans older than this are refused, 0 takes every age.
    """

    def __init__(self, retention_ns: int, figures: Figures) -> None:
        self.writer: Writer | None = None
        self._retention_ns, self._figures = retention_ns, figures
        self._cache = SeriesCache()
        self._lock = threading.Lock()
        self._logged = 0.0

    def append(self, body: bytes) -> tuple[Admitted, Future[int] | None]:
        """Decode a protobuf body and hand its good spans to the writer; the future is None where there are none.

        Raises InputError, and UnavailableError before the writer runs; the future may fail with LimitError or
        UnavailableError, then nothing is stored.
        """
        if self.writer is None:
            raise UnavailableError("cannot store yet: the write-ahead log is being replayed; try again")
        decoded = decode_request(body)
        with self._lock:  # the series cache; decoding holds the interpreter's lock anyway
            admitted = admit(decoded, self._cache, time.time_ns() - self._retention_ns if self._retention_ns else 0)
        if not admitted.rows.num_rows:
            return admitted, None
        return admitted, self.writer.append(Append(TENANT, admitted.rows, admitted.series))

    def acknowledge(self, admitted: Admitted) -> Outcome:
        """Count what is stored by now and what was refused."""
        self._figures.received_spans.add(admitted.rows.num_rows)
        for reason, count in admitted.refused.items():
            self._figures.refused_spans.add(count, reason)
        reason = describe_refusals(admitted.refused)
        if reason and time.monotonic() - self._logged >= _REFUSAL_LOG_S:
            self._logged = time.monotonic()
            log.warning("spans refused", spans=admitted.refused_count, reason=reason)
        return Outcome(admitted.refused_count, reason)


def is_retriable(error: Exception) -> bool:
    """Whether the sender shall try again: not ready, disk below its reserve, backlog or queue full."""
    return isinstance(error, UnavailableError) or (isinstance(error, LimitError) and error.status == 429)

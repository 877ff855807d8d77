"""POST /api/transform: a file of OTLP JSON shown as traces, without being stored."""

import pyarrow as pa

from opsconductor.traces.admission import SeriesCache, admit
from opsconductor.traces.decoding import decode_request
from opsconductor.traces.json_decoding import encode_json_request
from opsconductor.traces.search import read_labels
from opsconductor.traces.span import Trace, read_spans


def read_request(body: bytes) -> list[Trace]:
    """The traces of a JSON request, in the order of their first spans. Raises InputError."""
    admitted = admit(decode_request(encode_json_request(body)), SeriesCache(), 0)
    series = {number: read_labels(text) for number, text in admitted.series}
    traces: dict[bytes, Trace] = {}
    for span in read_spans(pa.Table.from_batches([admitted.rows]), series):
        traces.setdefault(span.trace_id, []).append(span)
    return list(traces.values())

"""Traces role: OTLP over HTTP and gRPC in, the query API (v1 and v3) out, on the shared storage engine.

`role` is the writer process: `http_receiver` and `grpc_receiver` hand bodies to `ingest` (`decoding` → `admission` →
Writer). Reads go as they came (`api`, `reading`) to the `query_worker`: `parameters` → `search` → `span` →
`adjustment` → `ui_form` or `otlp_form`.
"""

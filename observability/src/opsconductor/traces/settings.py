"""What the role follows in jaeger.yml: key, default, meaning."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Setting:
    """name: the key's path in the file; default: as the file would say it."""

    name: str
    default: str
    help: str


STORE: Final = "extensions.jaeger_storage.backends.<name>.badger"

TTL: Final = Setting(f"{STORE}.ttl.spans", "72h", "age at which spans are deleted; 0 keeps everything")
KEYS: Final = Setting(
    f"{STORE}.directories.keys", "/badger/keys", "its parent is the data folder, unless --data names one"
)
VALUES: Final = Setting(f"{STORE}.directories.values", "/badger/values", "as keys; of two parents the common one")
TRACES: Final = Setting("extensions.jaeger_query.storage.traces", "", "which of the backends counts; empty: the last")
HTTP_LIMIT: Final = Setting(
    "receivers.otlp.protocols.http.max_request_body_size", "20MiB", "size of a body, also once it is decompressed"
)
GRPC_LIMIT: Final = Setting("receivers.otlp.protocols.grpc.max_recv_msg_size_mib", "4", "size of a message in MiB")
LEVEL: Final = Setting(
    "service.telemetry.logs.level", "info", "least level that is logged: debug, info, warn or error"
)

SETTINGS: Final = (TTL, KEYS, VALUES, TRACES, HTTP_LIMIT, GRPC_LIMIT, LEVEL)
"""Every other key is a warning, except listen addresses (the command line gives them), pipelines, batching and the
health check, which decide nothing here."""

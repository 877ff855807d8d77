"""Every key of loki.yml that this role follows: name, kind, default, help. Names and defaults are the original's.

Spec: Loki's configuration reference; sizes in binary units (KB = 1024 bytes), durations as Prometheus writes them.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["bytes", "duration", "bool", "int", "mb", "path", "level"]


@dataclass(frozen=True)
class Setting:
    """One key. `name` is its path in the file; `field` the name in code, the path's last part where it is empty."""

    name: str
    kind: Kind
    default: str
    help: str
    field_name: str = ""

    @property
    def field(self) -> str:
        """The attribute of LogsConfig or Limits that holds the value."""
        return self.field_name or self.name.rpartition(".")[2]


LIMITS = (
    Setting(
        "limits_config.ingestion_rate_mb", "mb", "4", "bytes of lines and metadata a second and tenant; beyond: 429"
    ),
    Setting("limits_config.ingestion_burst_size_mb", "mb", "6", "bytes that one push may hold at once"),
    Setting("limits_config.max_line_size", "bytes", "256KB", "longest line; longer lines are refused one by one"),
    Setting("limits_config.max_line_size_truncate", "bool", "false", "cut longer lines instead of refusing them"),
    Setting("limits_config.max_label_name_length", "int", "1024", "longest label name, bytes"),
    Setting("limits_config.max_label_value_length", "int", "2048", "longest label value, bytes"),
    Setting("limits_config.max_label_names_per_series", "int", "15", "labels of one stream"),
    Setting("limits_config.max_structured_metadata_size", "bytes", "64KB", "names and values of an entry's metadata"),
    Setting("limits_config.max_structured_metadata_entries_count", "int", "128", "pairs of an entry's metadata"),
    Setting(
        "limits_config.reject_old_samples", "bool", "true", "refuse entries older than reject_old_samples_max_age"
    ),
    Setting("limits_config.reject_old_samples_max_age", "duration", "1w", "age beyond which entries are refused"),
    Setting("limits_config.creation_grace_period", "duration", "10m", "how far in the future an entry may lie"),
    Setting("limits_config.max_entries_limit_per_query", "int", "5000", "largest `limit` of a log query"),
    Setting("limits_config.max_query_series", "int", "500", "series that a metric query may return"),
    Setting("limits_config.max_query_length", "duration", "721h", "longest time range of a query; 0 = any"),
    Setting("limits_config.query_timeout", "duration", "1m", "time that a query may take, waiting included"),
    Setting("limits_config.max_concurrent_tail_requests", "int", "10", "live tails of one tenant"),
    Setting("limits_config.retention_period", "duration", "0s", "age at which entries are deleted; 0 = never"),
)

ROLE = (
    Setting("auth_enabled", "bool", "true", 'true: X-Scope-OrgID is required; false: every request is tenant "fake"'),
    Setting("common.path_prefix", "path", "/loki", "folder of the role's data (--data wins)"),
    Setting("compactor.retention_enabled", "bool", "false", "whether retention_period is applied"),
    Setting("distributor.max_recv_msg_size", "bytes", "100MB", "largest body of a push, compressed and decompressed"),
    Setting("frontend.max_outstanding_per_tenant", "int", "2048", "queries of one tenant that may wait; beyond: 429"),
    Setting("server.log_level", "level", "info", "debug, info, warn or error (the environment's LOG_LEVEL wins)"),
    Setting("querier.max_concurrent", "int", "4", "queries that one query worker runs at the same time"),
)

SETTINGS = {setting.name: setting for setting in (*LIMITS, *ROLE)}

LEVELS = ("debug", "info", "warn", "error")

_RING = "one process holds everything: there is no ring and no replica"
_STORE = "the storage engine has its own layout below common.path_prefix"
_LISTEN = "the listen address is the command line's --listen; there is no gRPC"

MEANINGLESS = {
    "analytics": "no figures leave the machine",
    "common.instance_addr": _RING,
    "common.instance_interface_names": _RING,
    "common.replication_factor": _RING,
    "common.ring": _RING,
    "common.storage.filesystem": _STORE,
    "compactor.delete_request_store": _STORE,
    "compactor.retention_delete_delay": "files go as soon as no query reads them",
    "compactor.working_directory": _STORE,
    "ingester.lifecycler": _RING,
    "ingester.wal": "the write-ahead log is always on; docs/settings.md lists the storage engine's settings",
    "limits_config.allow_structured_metadata": "structured metadata is always taken",
    "limits_config.per_stream_rate_limit": (
        "protects one ingester of a ring from one stream; here a tenant's whole rate is one limit, ingestion_rate_mb"
    ),
    "limits_config.per_stream_rate_limit_burst": "as per_stream_rate_limit; the limit is ingestion_burst_size_mb",
    "memberlist": _RING,
    "pattern_ingester.enabled": "patterns are not served",
    "ruler": "the metrics role evaluates the shipped rules; rules over lines are evaluated by the original alone",
    "schema_config": _STORE,
    "server.grpc_listen_address": _LISTEN,
    "server.grpc_listen_port": _LISTEN,
    "server.http_listen_address": _LISTEN,
    "server.http_listen_port": _LISTEN,
    "storage_config.filesystem": _STORE,
    "storage_config.tsdb_shipper": _STORE,
}
"""Keys accepted in silence, and why: what they decide does not exist here or is decided elsewhere."""

AS_WE_DO = {
    "limits_config.discover_log_levels": "false",
    "limits_config.discover_service_name": "[]",
}
"""Keys accepted in silence with this one value, which asks for what the role does anyway."""

MAX_QUERY_BYTES = 131_072
"""Longest text of a LogQL query. Spec: Loki's parser."""

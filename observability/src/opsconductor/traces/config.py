"""jaeger.yml: which keys we follow and which we only name in a warning.

Spec: the original's configuration, an OpenTelemetry collector's YAML. Listen addresses of the file belong to
containers; here the command line gives them.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opsconductor.model.document import Section, Value, read_document
from opsconductor.model.duration import parse_duration
from opsconductor.model.paths import map_path
from opsconductor.traces.settings import GRPC_LIMIT, KEYS, LEVEL, TTL, VALUES

DEFAULT_FILE: Final = Path("config/jaeger.yml")
DEFAULT_TTL_S: Final = parse_duration(TTL.default) / 1e9
DEFAULT_HTTP_BYTES: Final = 20 << 20
LEVELS: Final = ("debug", "info", "warn", "error")


@dataclass(frozen=True)
class TracesConfig:
    """What jaeger.yml asks of this role. `warnings` name the keys that are not followed.

    retention_ns: age at which spans are deleted, 0 = never, ttl.spans of the store; data: the folder of the store's
    directories; http_limit, grpc_limit: bytes of a request.
    """

    retention_ns: int
    data: Path
    http_limit: int
    grpc_limit: int
    log_level: str
    warnings: tuple[str, ...]


class _Warnings:
    """Collects the keys that nobody read."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def ignore(self, value: Value) -> None:
        """One key that is not followed."""
        self.found.append(f"{value.path} is not supported and ignored ({value.where})")

    def close(self, section: Section) -> None:
        """Every key of the section that was not read."""
        for value in section.unread():
            self.ignore(value)


def load_config(path: Path) -> TracesConfig:
    """Read jaeger.yml. Raises ConfigError with FILE:LINE and what to write instead."""
    document, warnings = read_document(path), _Warnings()
    http_limit, grpc_limit = _read_receivers(document.section("receivers"), warnings)
    retention_ns, data = _read_extensions(document.section("extensions"), warnings)
    level = _read_service(document.section("service"), warnings)
    for key in ("processors", "exporters", "connectors"):
        _read_parts(document.section(key), warnings)
    warnings.close(document)
    return TracesConfig(retention_ns, map_path(data), http_limit, grpc_limit, level, tuple(warnings.found))


def _read_receivers(receivers: Section, warnings: _Warnings) -> tuple[int, int]:
    otlp = receivers.section("otlp")
    protocols = otlp.section("protocols")
    http, grpc = protocols.section("http"), protocols.section("grpc")
    http_limit = http.size("max_request_body_size", DEFAULT_HTTP_BYTES) or DEFAULT_HTTP_BYTES
    mebibytes = grpc.get("max_recv_msg_size_mib")
    grpc_limit = (mebibytes.whole() if mebibytes else int(GRPC_LIMIT.default)) or int(GRPC_LIMIT.default)
    for section in (http, grpc):
        section.get("endpoint")
        warnings.close(section)
    for section in (protocols, otlp, receivers):
        warnings.close(section)
    return http_limit, grpc_limit << 20


def _read_extensions(extensions: Section, warnings: _Warnings) -> tuple[int, str]:
    query = extensions.section("jaeger_query")
    stores = query.section("storage")
    wanted = stores.text("traces")
    warnings.close(stores)
    http = query.section("http")
    http.get("endpoint")
    warnings.close(http)
    warnings.close(query)
    extensions.get("healthcheckv2")  # /ready answers for it
    storage = extensions.section("jaeger_storage")
    found = _read_backends(storage.section("backends"), wanted, warnings)
    for section in (storage, extensions):
        warnings.close(section)
    return found


def _read_backends(backends: Section, wanted: str, warnings: _Warnings) -> tuple[int, str]:
    """(retention in ns, data folder) of the store that queries read; every store is ours, whatever the file names."""
    retention_ns, names = int(DEFAULT_TTL_S * 1e9), [KEYS.default, VALUES.default]
    for name, backend in backends:
        if wanted and name != wanted:
            warnings.ignore(backend)
            continue
        section = backend.section()
        badger = section.section("badger")
        ttl, folders = badger.section("ttl"), badger.section("directories")
        retention_ns = int(ttl.seconds("spans", DEFAULT_TTL_S) * 1e9)
        found = [text for key in ("keys", "values") if (text := folders.text(key))]
        names = found or names
        ephemeral = badger.get("ephemeral")
        if ephemeral and ephemeral.flag():
            warnings.ignore(ephemeral)
        for one in (ttl, folders, badger, section):
            warnings.close(one)
    return retention_ns, str(Path(names[0]).parent) if len(set(names)) == 1 else os.path.commonpath(names)


def _read_service(service: Section, warnings: _Warnings) -> str:
    level = service.section("telemetry").section("logs").get("level")
    name = level.text().lower() if level else LEVEL.default
    if level and name not in LEVELS:
        raise level.fail(f'"{name}" is not a level; write one of {", ".join(LEVELS)}')
    for key in ("extensions", "pipelines"):
        service.get(key)  # what they name is read, or warned of, where it is defined
    warnings.close(service)
    return name


def _read_parts(parts: Section, warnings: _Warnings) -> None:
    """Pipeline parts: batching and our store are built in, everything else is not here."""
    for name, value in parts:
        if name.partition("/")[0] not in ("batch", "jaeger_storage_exporter"):
            warnings.ignore(value)

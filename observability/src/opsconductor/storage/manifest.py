"""The manifest: which files hold the table, in numbered immutable versions. Layout: docs/formats/manifest.md."""

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from crc32c import crc32c

from opsconductor.model.errors import OpsConductorError
from opsconductor.storage.disk import CorruptionError, hold_lock, make_directory, write_file
from opsconductor.storage.layout import list_manifests, manifest_directory, manifest_path

log = logging.getLogger(__name__)

FORMAT = 1
_SUFFIX = b',"crc32c":"%08x"}'
_SUFFIX_SIZE = len(_SUFFIX % 0)
_KEPT_VERSIONS = 2


class ManifestConflict(OpsConductorError):  # noqa: N818 - a lost race, answered by doing the work again
    """Another process published a version in between; read it and redo the work."""


@dataclass(frozen=True)
class Segment:
    """One immutable Parquet file; path is relative to the data folder, `retention_class` its level in it."""

    path: str
    tenant: str
    retention_class: str
    day: str
    rows: int
    bytes: int
    min_time: int
    max_time: int
    min_sequence: int
    max_sequence: int


@dataclass(frozen=True)
class Removed:
    """A file that versions from `version` on do not need; unlinked once no lease is older."""

    path: str
    version: int


SourceEnds = dict[str, dict[str, tuple[int, int]]]
"""tenant → source id → (committed end, ns of its last use)."""


@dataclass(frozen=True)
class Manifest:
    """One version. The table is its segments plus the WAL's frames of sequences above `low_watermark`."""

    version: int = 0
    table: str = ""
    low_watermark: int = 0
    segments: tuple[Segment, ...] = ()
    removed: tuple[Removed, ...] = ()
    sources: SourceEnds = field(default_factory=dict)


def latest_version(data: Path) -> int:
    """The newest version's number; 0 before the first."""
    versions = list_manifests(data)
    return versions[-1] if versions else 0


def load_manifest(data: Path) -> Manifest:
    """The newest version; an empty one before the first. Raises CorruptionError."""
    while True:
        version = latest_version(data)
        if version == 0:
            return Manifest()
        try:
            content = manifest_path(data, version).read_bytes()
        except FileNotFoundError:
            continue  # newer versions made it superfluous meanwhile
        return decode_manifest(content, str(manifest_path(data, version)))


def encode_manifest(manifest: Manifest) -> bytes:
    """JSON whose last key, crc32c, covers every byte before it."""
    body: dict[str, Any] = {"format": FORMAT, **asdict(manifest)}
    text = orjson.dumps(body)[:-1]
    return text + _SUFFIX % crc32c(text)


def decode_manifest(content: bytes, where: str) -> Manifest:
    """The inverse of encode_manifest. Raises CorruptionError."""
    text, suffix = content[:-_SUFFIX_SIZE], content[-_SUFFIX_SIZE:]
    if suffix != _SUFFIX % crc32c(text):
        raise CorruptionError(
            f"cannot read manifest: its checksum is wrong ({where}); restore this file from a backup of the data "
            f"folder. Nothing was deleted"
        )
    body = orjson.loads(content)
    if body["format"] != FORMAT:
        raise CorruptionError(f"cannot read manifest: format {body['format']} is newer than this program ({where})")
    return Manifest(
        version=body["version"],
        table=body["table"],
        low_watermark=body["low_watermark"],
        segments=tuple(Segment(**item) for item in body["segments"]),
        removed=tuple(Removed(**item) for item in body["removed"]),
        sources={
            tenant: {name: (end, used) for name, (end, used) in ends.items()}
            for tenant, ends in body["sources"].items()
        },
    )


def publish_manifest(data: Path, manifest: Manifest) -> None:
    """Make `manifest` the newest version, if the newest is manifest.version - 1; durable on return.

    Raises ManifestConflict when it is not, OSError when the disk refuses.
    """
    make_directory(manifest_directory(data))
    with hold_lock(manifest_directory(data) / "lock"):
        newest = latest_version(data)
        if newest != manifest.version - 1:
            raise ManifestConflict(f"cannot publish manifest {manifest.version}: the newest is {newest} ({data})")
        write_file(manifest_path(data, manifest.version), encode_manifest(manifest))
        for version in list_manifests(data):
            if version <= manifest.version - _KEPT_VERSIONS:
                manifest_path(data, version).unlink(missing_ok=True)

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from opsconductor.storage.disk import CorruptionError
from opsconductor.storage.layout import list_manifests, manifest_path, segment_name
from opsconductor.storage.manifest import (
    Manifest,
    ManifestConflict,
    Removed,
    Segment,
    decode_manifest,
    encode_manifest,
    load_manifest,
    publish_manifest,
)

FULL = Manifest(
    version=1,
    table="logs",
    low_watermark=2**63,
    segments=(Segment("segments/a", "t", "default", "2026-01-01", 1, 2, -3, 4, 5, 6),),
    removed=(Removed("wal/x", 1),),
    sources={"t": {"file": (7, 8)}},
)


def test_a_version_comes_back_as_published(tmp_path: Path) -> None:
    assert load_manifest(tmp_path) == Manifest()
    publish_manifest(tmp_path, FULL)
    assert load_manifest(tmp_path) == FULL


def test_a_version_is_published_on_its_predecessor_only(tmp_path: Path) -> None:
    publish_manifest(tmp_path, FULL)
    for version in (1, 3):
        with pytest.raises(ManifestConflict):
            publish_manifest(tmp_path, replace(FULL, version=version, low_watermark=0))
    assert load_manifest(tmp_path) == FULL


def test_racing_publishers_lose_nothing(tmp_path: Path) -> None:
    def add(name: str) -> None:
        for number in range(10):
            while True:
                base = load_manifest(tmp_path)
                one = Removed(f"{name}{number}", 0)
                try:
                    publish_manifest(tmp_path, replace(base, version=base.version + 1, removed=(*base.removed, one)))
                    break
                except ManifestConflict:
                    continue

    threads = [threading.Thread(target=add, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = load_manifest(tmp_path)
    assert found.version == 30
    assert sorted(item.path for item in found.removed) == sorted(f"{name}{n}" for name in "abc" for n in range(10))
    assert list_manifests(tmp_path) == [29, 30]


def test_a_damaged_version_is_an_error_not_an_older_table(tmp_path: Path) -> None:
    publish_manifest(tmp_path, FULL)
    publish_manifest(tmp_path, replace(FULL, version=2))
    path = manifest_path(tmp_path, 2)
    content = path.read_bytes()
    for broken in (content[:-30], b"", content.replace(b"9223372036854775808", b"9223372036854775809")):
        path.write_bytes(broken)
        with pytest.raises(CorruptionError, match="cannot read manifest"):
            load_manifest(tmp_path)


def test_a_newer_format_is_refused() -> None:
    from crc32c import crc32c

    text = encode_manifest(FULL).replace(b'"format":1', b'"format":2').rpartition(b',"crc32c"')[0]
    with pytest.raises(CorruptionError, match="format 2"):
        decode_manifest(text + b',"crc32c":"%08x"}' % crc32c(text), "here")


@pytest.mark.parametrize("tenant", ["..", ".", "a/b", "ü", "%", "a=b"])
def test_a_tenant_is_one_folder_whatever_its_name(tenant: str) -> None:
    parts = Path(segment_name(tenant, "default", "2026-01-01", 1, 2)).parts
    assert len(parts) == 5
    assert not parts[1].startswith(".")
    assert "=" not in parts[1]

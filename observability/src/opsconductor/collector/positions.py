"""Positions: one atomic, fsynced JSON file a client; and the original's YAML, read once by who migrates."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from opsconductor.collector.source import Source, position_from_json
from opsconductor.model.errors import ConfigError
from opsconductor.model.paths import map_path


@dataclass
class Positions:
    """sequence: number of the last batch that was answered; sources: by id; scanned: ns, the last look for files."""

    sequence: int = 0
    sources: dict[str, Source] = field(default_factory=dict)
    scanned: int = 0


def load_positions(path: Path) -> Positions | None:
    """The saved positions; None where there are none. Raises ConfigError where the file cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        sources = [Source(*position_from_json(item)) for item in data["sources"].values()]
        return Positions(int(data["sequence"]), {source.id: source for source in sources}, int(data["scanned"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"cannot read positions: {error}; move the file away to read every file from its start"
            " (a store that keeps offsets takes no line twice)",
            str(path),
        ) from error


def format_positions(positions: Positions) -> bytes:
    """The file's content."""
    sources: dict[str, Any] = {
        key: source.position.to_json(source.identity) for key, source in positions.sources.items()
    }
    return json.dumps({"sequence": positions.sequence, "scanned": positions.scanned, "sources": sources}).encode()


def save_atomically(path: Path, content: bytes) -> None:
    """Replace the file; the new content is on the disk when this returns. Raises OSError."""
    temporary = path.with_suffix(".new")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_original(path: Path) -> dict[str, int]:
    """Real path → offset of the original's positions.yaml; empty where it is absent or damaged.

    Spec: Promtail positions file, `positions: {path: "offset"}`; keys that are no paths belong to other sources.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        items = dict((document or {}).get("positions") or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError, ValueError):
        return {}
    found = {}
    for name, offset in items.items():
        if str(name).startswith("/") and str(offset).isdigit():
            found[str(map_path(str(name)))] = int(offset)
    return found

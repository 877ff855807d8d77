"""Grafana's provisioning folder: data sources and where dashboards lie. Spec: Grafana provisioning."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from opsconductor.model.errors import ConfigError
from opsconductor.model.paths import map_path

KINDS = frozenset(("loki", "prometheus", "jaeger", "alertmanager"))


@dataclass(frozen=True)
class DataSource:
    """Where a store is; details is the file's jsonData, as the UI needs it."""

    uid: str
    name: str
    kind: str
    url: str
    is_default: bool
    details: dict[str, Any]


@dataclass(frozen=True)
class Dashboard:
    """One dashboard file, read when it is asked for."""

    uid: str
    title: str
    folder: str
    tags: tuple[str, ...]
    path: Path


def load_datasources(folder: Path) -> tuple[list[DataSource], list[str]]:
    """The data sources of `folder`/datasources/*.yml and warnings. Raises ConfigError."""
    found: dict[str, DataSource] = {}
    warnings = []
    for path in sorted((folder / "datasources").glob("*.y*ml")):
        for number, entry in enumerate(_read_yaml(path).get("datasources") or ()):
            source = _read_datasource(entry, f"{path}: datasources[{number}]")
            if source.kind not in KINDS:
                warnings.append(
                    f'data source "{source.name}": type {source.kind} is not supported and ignored ({path})'
                )
            elif source.uid in found:
                raise ConfigError(
                    f"cannot read data source {source.name}: uid {source.uid} is there twice", str(path)
                )
            else:
                found[source.uid] = source
    return list(found.values()), warnings


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", str(path)) from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"cannot read YAML: {str(error).splitlines()[0]}; check quotes and indentation", str(path)
        ) from error
    if not isinstance(data, dict):
        raise ConfigError("cannot read provisioning: it must hold keys, such as `apiVersion: 1`", str(path))
    return data


def _read_datasource(entry: Any, where: str) -> DataSource:
    if not isinstance(entry, dict) or not all(entry.get(key) for key in ("name", "type", "url")):
        raise ConfigError("cannot read data source: name, type and url are needed", where)
    name = str(entry["name"])
    details = {key: _unescape(value) for key, value in (entry.get("jsonData") or {}).items()}
    return DataSource(
        str(entry.get("uid") or name),
        name,
        str(entry["type"]),
        str(entry["url"]).rstrip("/"),
        bool(entry.get("isDefault")),
        details,
    )


def _unescape(value: Any) -> Any:
    """In provisioning files $$ is a dollar."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, dict):
        return {key: _unescape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_unescape(one) for one in value]
    return value


class DashboardLibrary:
    """The dashboards below the providers' folders, looked up anew at each listing, as files may change."""

    def __init__(self, folder: Path) -> None:
        self._roots: list[tuple[Path, str]] = []
        for path in sorted((folder / "dashboards").glob("*.y*ml")):
            for number, provider in enumerate(_read_yaml(path).get("providers") or ()):
                place = (provider.get("options") or {}).get("path") if isinstance(provider, dict) else None
                if not place:
                    raise ConfigError(
                        "cannot read dashboard provider: options.path is needed", f"{path}: providers[{number}]"
                    )
                self._roots.append((map_path(str(place)), str(provider.get("folder") or "General")))

    def list(self) -> list[Dashboard]:
        """Every readable dashboard, by title; a file that is no dashboard is left out."""
        found: dict[str, Dashboard] = {}
        for root, folder in self._roots:
            for path in sorted(root.rglob("*.json")):
                try:
                    data = json.loads(path.read_text(encoding="utf-8"))
                    title = str(data["title"])
                except (OSError, ValueError, KeyError, TypeError):
                    continue
                uid = str(data.get("uid") or path.stem)
                tags = tuple(str(tag) for tag in data.get("tags") or ())
                found.setdefault(uid, Dashboard(uid, title, folder, tags, path))
        return sorted(found.values(), key=lambda one: one.title)

    def read(self, uid: str) -> dict[str, Any] | None:
        """The JSON of one dashboard."""
        for dashboard in self.list():
            if dashboard.uid == uid:
                data: dict[str, Any] = json.loads(dashboard.path.read_text(encoding="utf-8"))
                return data
        return None

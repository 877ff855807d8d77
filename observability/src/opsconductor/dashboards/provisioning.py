"""Grafana's provisioning folder: data sources and where dashboards lie. Spec: Grafana provisioning."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from opsconductor.model.document import Section, Value, read_document
from opsconductor.model.errors import ConfigError
from opsconductor.model.paths import map_path

KINDS = frozenset(("loki", "prometheus", "jaeger", "alertmanager"))

MEANINGLESS = ("access", "editable", "orgId", "version")
"""Keys taken in silence: access is always by the proxy, nothing is edited, there is one organisation."""

_WRITTEN = re.compile(r"^\s*[^#\s]", re.MULTILINE)


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
    """One dashboard file's head and its JSON, as read when it was asked for."""

    uid: str
    title: str
    folder: str
    tags: tuple[str, ...]
    content: dict[str, Any]


def load_datasources(folder: Path) -> tuple[list[DataSource], list[str]]:
    """The data sources of `folder`/datasources/*.yml and warnings. Raises ConfigError with FILE:LINE."""
    found: dict[str, DataSource] = {}
    warnings: list[str] = []
    for top in _read_files(folder / "datasources"):
        for value in top.items("datasources"):
            source = _read_datasource(value.section(), warnings)
            if source.kind not in KINDS:
                message = f'data source "{source.name}": type {source.kind} is not supported and ignored'
                warnings.append(f"{message} ({value.where})")
            elif source.uid in found:
                raise value.fail(f'the uid "{source.uid}" of "{source.name}" is there twice; give each its own')
            else:
                found[source.uid] = source
    return list(found.values()), warnings


def _read_files(folder: Path) -> Iterator[Section]:
    """The documents of a folder, by name; one without a word outside comments is left out."""
    for path in sorted((*folder.glob("*.yml"), *folder.glob("*.yaml"))):
        try:
            is_written = _WRITTEN.search(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read {path}: {error}") from error
        if is_written:
            yield read_document(path)


def _read_datasource(section: Section, warnings: list[str]) -> DataSource:
    for key in ("name", "type", "url"):
        if not section.text(key):
            raise section.value.fail(f"a data source needs `{key}`")
    for key in MEANINGLESS:
        section.get(key)
    name = _unescape(section.text("name"))
    details = section.get("jsonData")
    if details is not None:
        details.section()
    source = DataSource(
        _unescape(section.text("uid")) or name,
        name,
        section.text("type"),
        _read_url(section),
        section.flag("isDefault", False),
        _unescape(_construct(details)) if details else {},
    )
    warnings += [f"{value.path} is not supported and ignored ({value.where})" for value in section.unread()]
    return source


def _read_url(section: Section) -> str:
    value = section.get("url")
    text = str(_unescape(section.text("url"))).rstrip("/")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if value and (not usable or parts.query or parts.fragment):
        raise value.fail(f'"{text}" is not a URL; write one with its port, such as http://loki:3100')
    return text


def _construct(value: Value) -> Any:
    """The YAML value as JSON has it; a date becomes text."""
    found: Any = yaml.constructor.SafeConstructor().construct_document(value.node)
    return json.loads(json.dumps(found, default=str))


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
    """The dashboards below the providers' folders, looked up anew at each listing, as files may change.

    Reads files: call it in a thread. Raises ConfigError for providers that cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._roots: list[tuple[Path, str]] = []
        for top in _read_files(folder / "dashboards"):
            for value in top.items("providers"):
                provider = value.section()
                place = provider.section("options").text("path")
                if not place:
                    raise value.fail("a provider of dashboards needs `options: {path: FOLDER}`")
                self._roots.append((map_path(place), provider.text("folder") or "General"))

    def list_all(self) -> list[Dashboard]:
        """Every readable dashboard, by title; a file that is none is left out."""
        return self._scan()[0]

    def find_problems(self) -> list[str]:
        """What is left out of the list, and why."""
        return self._scan()[1]

    def find(self, uid: str) -> Dashboard | None:
        """The dashboard of this uid."""
        return next((one for one in self.list_all() if one.uid == uid), None)

    def _scan(self) -> tuple[list[Dashboard], list[str]]:
        found: dict[str, Dashboard] = {}
        problems: list[str] = []
        for root, folder in self._roots:
            if not root.is_dir():
                problems.append(f"cannot read dashboards: {root} is no folder")
            for path in sorted(root.rglob("*.json")):
                try:
                    dashboard = _read_dashboard(path, folder)
                except (OSError, ValueError, RecursionError) as error:
                    problems.append(f"cannot read dashboard {path}: {error}")
                    continue
                if dashboard.uid in found:
                    problems.append(f"cannot show dashboard {path}: its uid {dashboard.uid} is there twice")
                found.setdefault(dashboard.uid, dashboard)
        return sorted(found.values(), key=lambda one: one.title), problems


def _read_dashboard(path: Path, folder: str) -> Dashboard:
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or not isinstance(data.get("title"), str):
        raise ValueError("it must be an object with a title")  # noqa: TRY004 - one kind of error for a bad file
    tags = data.get("tags")
    shown = tuple(map(str, tags)) if isinstance(tags, list) else ()
    return Dashboard(str(data.get("uid") or path.stem), data["title"], folder, shown, data)

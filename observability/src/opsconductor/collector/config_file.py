"""Reads promtail.yml: a wrong value is a ConfigError with file, line and the fix; what we do not do is a warning.

Spec: Promtail configuration reference.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from opsconductor.collector.config import Client, CollectorConfig, LineLimits, Target
from opsconductor.collector.stages.build import build_pipeline
from opsconductor.collector.stages.stage import CountDropped, ignore_dropped
from opsconductor.model.document import Section, Value, read_document
from opsconductor.model.labels import is_label_name
from opsconductor.model.paths import map_path

POSITIONS_FILE = "/var/log/positions.yaml"

_WITHOUT_MEANING = frozenset(
    ("server", "global", "tracing", "options", "positions.sync_period", "positions.ignore_invalid_yaml")
)
"""Keys that the original needs and that change nothing here: our listener, polling and checkpoints replace them."""

_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass
class _Reader:
    """Collects warnings on the way through the file."""

    count: CountDropped
    warnings: list[str] = field(default_factory=list)

    def finish(self, section: Section) -> None:
        """Warn about the section's unread keys."""
        for value in section.unread():
            if value.path not in _WITHOUT_MEANING:
                self.warnings.append(f"{value.path} is not supported yet and is ignored ({value.where})")


def read_config(path: Path, count: CountDropped = ignore_dropped) -> CollectorConfig:
    """The configuration of promtail.yml; `count` is told why a stage drops a line. Raises ConfigError."""
    document, reader = read_document(path), _Reader(count)
    clients = tuple(_read_client(reader, value, index) for index, value in enumerate(document.items("clients")))
    if not clients:
        raise document.value.fail("clients is missing; write at least one `- url: http://loki:3100/loki/api/v1/push`")
    _refuse_twice([client.key for client in clients], document)
    targets: list[Target] = []
    for index, value in enumerate(document.items("scrape_configs")):
        targets += _read_job(reader, value, index)
    limits = document.section("limits_config")
    level = document.section("server").text("log_level", "info")
    target_config = document.section("target_config")
    positions = document.section("positions")
    config = CollectorConfig(
        clients,
        tuple(targets),
        map_path(positions.text("filename", POSITIONS_FILE)),
        LineLimits(limits.size("max_line_size", 0), limits.flag("max_line_size_truncate", False)),
        target_config.seconds("sync_period", 10.0),
        "warning" if level == "warn" else level,
    )
    for section in (limits, target_config, positions, document):
        reader.finish(section)
    return CollectorConfig(**{**vars(config), "warnings": tuple(reader.warnings)})


def _refuse_twice(keys: list[str], document: Section) -> None:
    for key in keys:
        if keys.count(key) > 1:
            raise document.value.fail(f'two clients are called "{key}"; give each its own `name`')


def _read_client(reader: _Reader, value: Value, index: int) -> Client:
    section = value.section()
    url = section.get("url")
    if url is None:
        raise value.fail("url is missing; write `url: http://loki:3100/loki/api/v1/push`")
    if urlsplit(url.text()).scheme not in ("http", "https"):
        raise url.fail(f'"{url.text()}" is no address; write http://HOST:PORT/loki/api/v1/push')
    name = section.text("name", f"client-{index}")
    if not _KEY.fullmatch(name):
        raise value.fail(f'the name "{name}" cannot name a folder; use letters, digits, ".", "_" and "-"')
    backoff, auth = section.section("backoff_config"), section.section("basic_auth")
    backoff.get("max_retries")  # documented: an outage of any length drops nothing, so there is no last retry
    batchsize = section.size("batchsize", Client.batchsize)
    client = Client(
        key=name,
        url=url.text(),
        headers={key: item.text() for key, item in section.section("headers")},
        tenant_id=section.text("tenant_id"),
        batchwait=section.seconds("batchwait", Client.batchwait),
        batchsize=batchsize,
        username=auth.text("username"),
        password=_read_password(auth),
        min_period=backoff.seconds("min_period", Client.min_period),
        max_period=backoff.seconds("max_period", Client.max_period),
        timeout=section.seconds("timeout", Client.timeout),
        external_labels=_read_labels(section.section("external_labels")),
    )
    if min(client.batchsize, client.batchwait, client.timeout, client.min_period, client.max_period) <= 0:
        raise value.fail("batchsize, batchwait, timeout, min_period and max_period must be more than zero")
    for part in (section, backoff, auth):
        reader.finish(part)
    return client


def _read_password(auth: Section) -> str:
    file = auth.get("password_file")
    if file is None:
        return auth.text("password")
    try:
        return map_path(file.text()).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise file.fail(f"{error}; write the password into that file, mode 0600") from error


def _read_job(reader: _Reader, value: Value, index: int) -> list[Target]:
    section = value.section()
    job = section.text("job_name", f"job-{index}")
    stages = section.get("pipeline_stages")
    pipeline = build_pipeline(stages.items() if stages else [], reader.count)
    targets = []
    for number, static in enumerate(section.items("static_configs")):
        found = _read_static(reader, static.section(), f"{job}/{number}", job)
        targets.append(Target(pipeline=pipeline, **found))  # type: ignore[arg-type]
    reader.finish(section)
    if not targets:
        reader.warnings.append(f"job {job} has no static_configs: nothing is read for it ({value.where})")
    return targets


def _read_static(reader: _Reader, section: Section, key: str, job: str) -> dict[str, object]:
    section.get("targets")  # the original ignores them too: files are always this machine's
    labels = section.section("labels")
    path, exclude = labels.get("__path__"), labels.text("__path_exclude__")
    if path is None:
        raise section.value.fail("labels.__path__ is missing; write the files' glob, such as /var/log/app/*.log")
    labels.get("__host__")
    if labels.get("__tenant_id__"):
        reader.warnings.append(f"label __tenant_id__ is not supported yet and is ignored ({labels.value.where})")
    reader.finish(section)
    return {
        "key": key,
        "job": job,
        "path": str(map_path(path.text())),
        "exclude": str(map_path(exclude)) if exclude else "",
        "labels": _read_labels(labels),
    }


def _read_labels(section: Section) -> dict[str, str]:
    labels = {}
    for name, value in section:
        if not is_label_name(name):
            raise value.fail(f'"{name}" is no label name; use letters, digits and "_", not a digit first')
        if not name.startswith("__"):
            labels[name] = value.text()
    return labels

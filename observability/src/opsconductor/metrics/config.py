"""prometheus.yml: what is scraped, which rules are read, where alerts go. Spec: Prometheus configuration."""

from dataclasses import dataclass
from pathlib import Path

from opsconductor.model.document import Section, Value, read_document
from opsconductor.model.errors import ConfigError
from opsconductor.model.labels import Labels, is_label_name, sort_labels
from opsconductor.model.paths import map_path

SCRAPE_INTERVAL_S, SCRAPE_TIMEOUT_S, EVALUATION_INTERVAL_S = 60.0, 10.0, 60.0
"""The original's defaults of scrape_interval, scrape_timeout and evaluation_interval."""


@dataclass(frozen=True)
class Target:
    """One address to scrape; labels as configured, without job and instance."""

    address: str
    labels: Labels


@dataclass(frozen=True)
class ScrapeJob:
    """One scrape_config; body_size_limit and sample_limit 0 mean none."""

    name: str
    interval_s: float
    timeout_s: float
    path: str
    scheme: str
    parameters: tuple[tuple[str, str], ...]
    honor_labels: bool
    honor_timestamps: bool
    sample_limit: int
    body_size_limit: int
    user: tuple[str, str] | None
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class MetricsConfig:
    """The whole file. `warnings` name keys that are not followed."""

    evaluation_interval_s: float
    external_labels: Labels
    rule_files: tuple[Path, ...]
    jobs: tuple[ScrapeJob, ...]
    alert_urls: tuple[str, ...]
    text: str
    warnings: tuple[str, ...]


def load_config(path: Path) -> MetricsConfig:
    """Read the file. Raises ConfigError with FILE:LINE."""
    return _Reader(read_document(path), path).read()


class _Reader:
    def __init__(self, top: Section, path: Path) -> None:
        self.top = top
        self.path = path
        self.warnings: list[str] = []

    def read(self) -> MetricsConfig:
        settings = self.top.section("global")
        interval_s = settings.seconds("scrape_interval", SCRAPE_INTERVAL_S)
        timeout_s = settings.seconds("scrape_timeout", min(SCRAPE_TIMEOUT_S, interval_s))
        evaluation_s = settings.seconds("evaluation_interval", EVALUATION_INTERVAL_S)
        external = self.read_labels(settings.section("external_labels"))
        self.warn(settings)
        jobs: list[ScrapeJob] = []
        for value in self.top.items("scrape_configs"):
            job = self.read_job(value, interval_s, timeout_s)
            if any(job.name == other.name for other in jobs):
                raise value.fail(f"found multiple scrape configs with job name {job.name!r}")
            jobs.append(job)
        alert_urls = self.read_alerting(self.top.section("alerting"))
        rule_files = self.read_rule_files()
        self.warn(self.top)
        text = self.path.read_text(encoding="utf-8")
        return MetricsConfig(evaluation_s, external, rule_files, tuple(jobs), alert_urls, text, tuple(self.warnings))

    def warn(self, section: Section) -> None:
        self.warnings += [f"{value.path} is not supported and ignored ({value.where})" for value in section.unread()]

    def read_labels(self, section: Section) -> Labels:
        labels = {}
        for name, value in section:
            if not is_label_name(name):
                raise value.fail(f"{name!r} is not a valid label name")
            labels[name] = value.text()
        return sort_labels(labels)

    def read_rule_files(self) -> tuple[Path, ...]:
        found: list[Path] = []
        value = self.top.get("rule_files")
        for pattern in value.texts() if value else []:
            path = map_path(pattern) if pattern.startswith("/") else self.path.parent / pattern
            matched = sorted(path.parent.glob(path.name))
            if not matched and not set("*?[") & set(path.name):
                raise ConfigError(f"cannot read rule file {pattern}: it does not exist", value.where if value else "")
            found += matched
        return tuple(found)

    def read_job(self, value: Value, interval_s: float, timeout_s: float) -> ScrapeJob:
        section = value.section()
        name = section.text("job_name")
        if not name:
            raise value.fail("job_name is empty")
        own_s = section.seconds("scrape_interval", interval_s)
        given_s = section.seconds("scrape_timeout", min(timeout_s, own_s))
        if given_s > own_s:
            raise value.fail(f"scrape timeout greater than scrape interval for scrape config with job name {name!r}")
        basic = section.section("basic_auth")
        parameters = tuple((key, text) for key, one in section.section("params") for text in one.texts())
        job = ScrapeJob(
            name,
            own_s,
            given_s,
            section.text("metrics_path", "/metrics"),
            section.text("scheme", "http"),
            parameters,
            section.flag("honor_labels", False),
            section.flag("honor_timestamps", True),
            int(section.text("sample_limit", "0")),
            section.size("body_size_limit", 0),
            (basic.text("username"), basic.text("password")) if len(basic) else None,
            tuple(target for one in section.items("static_configs") for target in self.read_targets(one)),
        )
        self.warn(basic)
        self.warn(section)
        return job

    def read_targets(self, value: Value) -> list[Target]:
        section = value.section()
        labels = self.read_labels(section.section("labels"))
        targets = section.get("targets")
        self.warn(section)
        addresses = targets.texts() if targets else []
        for address in addresses:
            if "/" in address or not address:
                raise value.fail(f"{address!r} is not a valid hostname; write host:port")
        return [Target(address, labels) for address in addresses]

    def read_alerting(self, section: Section) -> tuple[str, ...]:
        urls = []
        for value in section.items("alertmanagers"):
            one = value.section()
            prefix, scheme = one.text("path_prefix", "/").rstrip("/"), one.text("scheme", "http")
            for static in one.items("static_configs"):
                urls += [f"{scheme}://{target.address}{prefix}/api/v2/alerts" for target in self.read_targets(static)]
            one.text("api_version")
            self.warn(one)
        self.warn(section)
        return tuple(urls)

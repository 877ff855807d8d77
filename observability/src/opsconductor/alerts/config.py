"""alertmanager.yml: routes, receivers and inhibition rules. Spec: Alertmanager configuration."""

import re
from dataclasses import dataclass
from pathlib import Path

from opsconductor.alerts.matchers import Matcher, make_matcher, parse_matchers
from opsconductor.model.document import Section, Value, read_document
from opsconductor.model.errors import ConfigError, InputError

GROUP_WAIT_S, GROUP_INTERVAL_S, REPEAT_INTERVAL_S, RESOLVE_TIMEOUT_S = 30.0, 300.0, 4 * 3600.0, 300.0
"""The original's defaults of group_wait, group_interval, repeat_interval and resolve_timeout."""

_SECRET = re.compile(
    r"""(["']?\b\w*(?:password|token|secret|api_key|routing_key|service_key|credentials|api_url)["']?\s*:\s*)"""
    r"""("[^"\n]*"|'[^'\n]*'|[^\s,}{\[][^,}\n]*)"""
)


@dataclass(frozen=True)
class Webhook:
    """One webhook integration of a receiver; max_alerts 0 means all; timeout 0 means the group interval."""

    url: str
    send_resolved: bool = True
    max_alerts: int = 0
    timeout_s: float = 0.0
    user: tuple[str, str] | None = None
    bearer: str = ""


@dataclass(frozen=True)
class Receiver:
    """A name and its integrations."""

    name: str
    webhooks: tuple[Webhook, ...]


@dataclass(frozen=True)
class Route:
    """A node of the routing tree, with what it inherits filled in. group_by None means by all labels (`...`)."""

    receiver: str
    group_by: tuple[str, ...] | None
    matchers: tuple[Matcher, ...]
    group_wait_s: float
    group_interval_s: float
    repeat_interval_s: float
    goes_on: bool
    routes: tuple["Route", ...]
    key: str


@dataclass(frozen=True)
class Inhibition:
    """While a source alert fires, target alerts that agree with it in the `equal` labels are muted."""

    sources: tuple[Matcher, ...]
    targets: tuple[Matcher, ...]
    equal: tuple[str, ...]


@dataclass(frozen=True)
class AlertsConfig:
    """The whole file. `original` is its text with secrets hidden; `warnings` name keys that are not followed."""

    route: Route
    receivers: dict[str, Receiver]
    inhibitions: tuple[Inhibition, ...]
    resolve_timeout_s: float
    original: str
    warnings: tuple[str, ...]


def load_config(path: Path) -> AlertsConfig:
    """Read the file. Raises ConfigError with FILE:LINE."""
    return _Reader(read_document(path), path.read_text(encoding="utf-8")).read()


class _Reader:
    def __init__(self, top: Section, text: str) -> None:
        self.top = top
        self.text = text
        self.warnings: list[str] = []

    def read(self) -> AlertsConfig:
        settings = self.top.section("global")
        resolve_timeout_s = settings.seconds("resolve_timeout", RESOLVE_TIMEOUT_S)
        self.warn_unread(settings)
        receivers = {receiver.name: receiver for receiver in map(self.read_receiver, self.top.items("receivers"))}
        root_value = self.top.get("route")
        if root_value is None:
            raise ConfigError(
                "cannot read route: no route provided; add `route:` with a receiver", self.top.value.file
            )
        default = Route("", (), (), GROUP_WAIT_S, GROUP_INTERVAL_S, REPEAT_INTERVAL_S, False, (), "")
        route = self.read_route(root_value, default, receivers)
        if route.matchers:
            raise root_value.fail("root route must not have any matchers")
        inhibitions = tuple(map(self.read_inhibition, self.top.items("inhibit_rules")))
        self.warn_unread(self.top)
        hidden = _SECRET.sub(r"\1<secret>", self.text)
        return AlertsConfig(route, receivers, inhibitions, resolve_timeout_s, hidden, tuple(self.warnings))

    def warn_unread(self, section: Section) -> None:
        self.warnings += [f"{value.path} is not supported and ignored ({value.where})" for value in section.unread()]

    def read_receiver(self, value: Value) -> Receiver:
        section = value.section()
        name = section.text("name")
        if not name:
            raise value.fail("missing name in receiver")
        webhooks = tuple(map(self.read_webhook, section.items("webhook_configs")))
        self.warn_unread(section)
        return Receiver(name, webhooks)

    def read_webhook(self, value: Value) -> Webhook:
        section = value.section()
        url = section.text("url")
        if not url and (file := section.text("url_file")):
            url = _read_secret(file, value)
        if not url.startswith(("http://", "https://")):
            raise value.fail(f'unsupported URL "{url}": write one that begins with http:// or https://')
        http = section.section("http_config")
        basic, bearer = http.section("basic_auth"), http.section("authorization")
        user = (basic.text("username"), basic.text("password")) if len(basic) else None
        webhook = Webhook(
            url,
            section.flag("send_resolved", True),
            int(section.text("max_alerts", "0")),
            section.seconds("timeout", 0.0),
            user,
            bearer.text("credentials"),
        )
        for part in (basic, bearer, http, section):
            self.warn_unread(part)
        return webhook

    def read_route(self, value: Value, parent: Route, receivers: dict[str, Receiver]) -> Route:
        section = value.section()
        receiver = section.text("receiver", parent.receiver)
        if receiver not in receivers:
            raise value.fail(f"undefined receiver {receiver!r} used in route")
        group_by = parent.group_by
        if (names := section.get("group_by")) is not None:
            group_by = None if names.texts() == ["..."] else tuple(names.texts())
        matchers = self.read_matchers(section, "matchers", "match", "match_re")
        key = (
            f"{parent.key}/{{{','.join(map(str, matchers))}}}"
            if parent.key
            else f"{{{','.join(map(str, matchers))}}}"
        )
        route = Route(
            receiver,
            group_by,
            matchers,
            section.seconds("group_wait", parent.group_wait_s),
            section.seconds("group_interval", parent.group_interval_s),
            section.seconds("repeat_interval", parent.repeat_interval_s),
            section.flag("continue", False),
            (),
            key,
        )
        if route.group_interval_s <= 0 or route.repeat_interval_s <= 0:
            raise value.fail("group_interval and repeat_interval cannot be zero")
        children = tuple(self.read_route(child, route, receivers) for child in section.items("routes"))
        self.warn_unread(section)
        return Route(**{**route.__dict__, "routes": children})

    def read_inhibition(self, value: Value) -> Inhibition:
        section = value.section()
        sources = self.read_matchers(section, "source_matchers", "source_match", "source_match_re")
        targets = self.read_matchers(section, "target_matchers", "target_match", "target_match_re")
        equal = section.get("equal")
        self.warn_unread(section)
        return Inhibition(sources, targets, tuple(equal.texts()) if equal else ())

    def read_matchers(self, section: Section, new: str, equal: str, regex: str) -> tuple[Matcher, ...]:
        found: list[Matcher] = []
        if (value := section.get(new)) is not None:
            for text in value.texts():
                try:
                    found += parse_matchers(text)
                except InputError as error:
                    raise value.fail(str(error)) from error
        for key, is_regex in ((equal, False), (regex, True)):
            for name, value in section.section(key):
                try:
                    found.append(make_matcher(name, value.text(), is_regex=is_regex))
                except InputError as error:
                    raise value.fail(str(error)) from error
        return tuple(found)


def _read_secret(file: str, value: Value) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise value.fail(f"cannot read {file}: {error.strerror}") from error

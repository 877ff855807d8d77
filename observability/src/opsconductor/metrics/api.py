"""The routes of the metrics role. Spec: Prometheus HTTP API v1.

What reads samples goes to a query worker as it came; what the writer process knows itself (targets, rules, alerts,
status) is answered here.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from opsconductor import __version__
from opsconductor.metrics.config import MetricsConfig
from opsconductor.metrics.exposition import Metadata
from opsconductor.metrics.formatting import format_value
from opsconductor.metrics.rule_manager import RuleManager
from opsconductor.metrics.scrape import LiveTarget, Scraper
from opsconductor.rules.alerting import ActiveAlert
from opsconductor.rules.config import Rule
from opsconductor.rules.group import LiveGroup, RuleHealth

PREFIX = "/api/v1"
READS = ("query", "query_range", "query_exemplars", "labels", "series", "label/{name}/values")


def success(data: Any) -> Response:
    """The envelope of an answer."""
    return JSONResponse({"status": "success", "data": data})


def format_time(time_s: float) -> str:
    """RFC 3339 in UTC, milliseconds; Go's zero time for 0."""
    if not time_s:
        return "0001-01-01T00:00:00Z"
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Api:
    """The handlers that need no samples."""

    def __init__(
        self, config: MetricsConfig, scraper: Callable[[], Scraper], rules: Callable[[], RuleManager]
    ) -> None:
        self._config, self._scraper, self._rules = config, scraper, rules
        self._started = time.time()

    def routes(self) -> list[BaseRoute]:
        """Every path but the reads, the write and the health of the role."""
        handlers = {
            "targets": self.targets,
            "scrape_pools": self.scrape_pools,
            "metadata": self.metadata,
            "rules": self.rules,
            "alerts": self.alerts,
            "alertmanagers": self.receivers,
            "status/config": self.status_config,
            "status/flags": self.status_flags,
            "status/buildinfo": self.status_buildinfo,
            "status/runtimeinfo": self.status_runtimeinfo,
        }
        routes: list[BaseRoute] = [Route(f"{PREFIX}/{path}", one, methods=["GET"]) for path, one in handlers.items()]
        routes += [Route(path, self.healthy, methods=["GET", "HEAD"]) for path in ("/-/healthy",)]
        return routes

    async def healthy(self, _request: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("OpsConductor metrics is Healthy.\n")

    async def targets(self, request: Request) -> Response:
        """Targets and how their last scrape went."""
        pool, state = request.query_params.get("scrapePool"), request.query_params.get("state", "any")
        targets = [one for one in self._scraper().targets if not pool or one.job.name == pool]
        active = [_show_target(one) for one in targets] if state != "dropped" else []
        return success({"activeTargets": active, "droppedTargets": [], "droppedTargetCounts": {}})

    async def scrape_pools(self, _request: Request) -> Response:
        """Names of the jobs."""
        return success({"scrapePools": [job.name for job in self._config.jobs]})

    async def metadata(self, request: Request) -> Response:
        """Type, help and unit of metrics."""
        wanted = request.query_params.get("metric")
        found: dict[str, list[dict[str, str]]] = {}
        for target in self._scraper().targets:
            for one in target.metadata:
                if wanted is None or one.name == wanted:
                    entry = _show_metadata(one)
                    entries = found.setdefault(one.name, [])
                    if entry not in entries:
                        entries.append(entry)
        return success(found)

    async def rules(self, request: Request) -> Response:
        """Groups, their rules and how their last evaluation went."""
        kind = request.query_params.get("type")
        return success({"groups": [_show_group(group, kind) for group in self._rules().groups]})

    async def alerts(self, _request: Request) -> Response:
        """Pending and firing alerts."""
        alerts = [
            _show_alert(alert)
            for group in self._rules().groups
            for alerting in group.alerting.values()
            for alert in alerting.active.values()
            if alert.state != "inactive"
        ]
        return success({"alerts": alerts})

    async def receivers(self, _request: Request) -> Response:
        """Where alerts are sent."""
        return success(
            {"activeAlertmanagers": [{"url": url} for url in self._config.alert_urls], "droppedAlertmanagers": []}
        )

    async def status_config(self, _request: Request) -> Response:
        """The configuration file."""
        return success({"yaml": self._config.text})

    async def status_flags(self, _request: Request) -> Response:
        """Flags of the original that clients look for."""
        return success({"query.lookback-delta": "5m", "web.enable-remote-write-receiver": "true"})

    async def status_buildinfo(self, _request: Request) -> Response:
        """Version; clients take the form of the original's."""
        names = ("revision", "branch", "buildUser", "buildDate", "goVersion")
        return success({"version": __version__, **dict.fromkeys(names, "")})

    async def status_runtimeinfo(self, _request: Request) -> Response:
        """When it started."""
        return success({"startTime": format_time(self._started), "reloadConfigSuccess": True, "storageRetention": ""})


def _show_target(target: LiveTarget) -> dict[str, Any]:
    address = {
        "__address__": target.target.address,
        "__metrics_path__": target.job.path,
        "__scheme__": target.job.scheme,
    }
    return {
        "discoveredLabels": {**address, **dict(target.target.labels), "job": target.job.name},
        "labels": target.labels,
        "scrapePool": target.job.name,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": target.last_error,
        "lastScrape": format_time(target.last_scrape),
        "lastScrapeDuration": target.last_took_s,
        "health": target.health,
        "scrapeInterval": f"{target.job.interval_s:g}s",
        "scrapeTimeout": f"{target.job.timeout_s:g}s",
    }


def _show_metadata(one: Metadata) -> dict[str, str]:
    return {"type": one.kind, "help": one.help, "unit": one.unit}


def _show_alert(alert: ActiveAlert) -> dict[str, Any]:
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": alert.state,
        "activeAt": format_time(alert.active_at),
        "value": format_value(alert.value),
    }


def _show_group(live: LiveGroup, kind: str | None) -> dict[str, Any]:
    rules = [
        _show_rule(live, number, rule, live.health[number])
        for number, rule in enumerate(live.group.rules)
        if kind is None or kind == ("alert" if rule.alert else "record")
    ]
    return {
        "name": live.group.name,
        "file": live.group.file,
        "rules": rules,
        "interval": live.group.interval_s,
        "limit": live.group.limit,
        "evaluationTime": live.took_s,
        "lastEvaluation": format_time(live.evaluated_at),
    }


def _show_rule(live: LiveGroup, number: int, rule: Rule, health: RuleHealth) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": rule.name,
        "query": rule.expression,
        "labels": dict(rule.labels),
        "health": health.health,
        "evaluationTime": health.took_s,
        "lastEvaluation": format_time(health.evaluated_at),
        "type": "alerting" if rule.alert else "recording",
    }
    if health.error:
        shown["lastError"] = health.error
    if rule.alert:
        alerts = [one for one in live.alerting[number].active.values() if one.state != "inactive"]
        states = {one.state for one in alerts}
        state = "firing" if "firing" in states else "pending" if "pending" in states else "inactive"
        shown |= {
            "state": state,
            "duration": rule.hold_s,
            "keepFiringFor": rule.keep_s,
            "annotations": dict(rule.annotations),
            "alerts": [_show_alert(one) for one in alerts],
        }
    return shown

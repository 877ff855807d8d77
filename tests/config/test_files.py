"""config/: every file can be read, and what one file names exists in the others."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from opsconductor.alerts.config import load_config as load_alerts_config
from opsconductor.cli.ports import Ports
from opsconductor.logql.errors import UnsupportedError
from opsconductor.logql.parser import parse
from opsconductor.logs.config import load_config
from opsconductor.metrics.config import load_config as load_metrics_config
from opsconductor.promql.parser import parse as parse_promql
from opsconductor.rules.config import load_groups

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
SERVICES: dict[str, dict[str, Any]] = {
    name: service
    for file in ("app", "observability")
    for name, service in yaml.safe_load((ROOT / f"docker-compose.{file}.yml").read_text())["services"].items()
}
TEXTS = sorted(path for path in CONFIG.rglob("*") if path.is_file())
PORTS = {"postgres": 5432, "redis": 6379, "nginx": 8080, "alertmanager": 9093, "prometheus": 9090}
PORTS |= {"postgres-exporter": 9187, "redis-exporter": 9121, "nginx-exporter": 9113, "node-exporter": 9100}


def read_yaml(path: str) -> Any:
    return yaml.safe_load((CONFIG / path).read_text())


def find_ports() -> dict[str, set[int]]:
    """Compose service → the ports that it listens on, from its own configuration."""
    ports = {name: {port} for name, port in PORTS.items()}
    for name in ("auth", "backend", "worker", "scheduler", "frontend"):
        ports[name] = {int(SERVICES[name]["environment"]["LISTEN"].rpartition(":")[2])}
    ports["promtail"] = {read_yaml("promtail.yml")["server"]["http_listen_port"]}
    ports["loki"] = {read_yaml("loki.yml")["server"]["http_listen_port"]}
    ports["grafana"] = {int(SERVICES["grafana"]["environment"]["GF_SERVER_HTTP_PORT"])}
    ports["jaeger"] = {int(port) for port in re.findall(r"0\.0\.0\.0:(\d+)", str(read_yaml("jaeger.yml")))} | {8888}
    ports["nginx"].add(8081)  # its status, for the exporter
    return ports


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(CONFIG)))
def test_a_file_can_be_read_and_names_no_machine(path: Path) -> None:
    text = path.read_text()
    if path.suffix == ".yml":
        assert yaml.safe_load(text)
    elif path.suffix == ".json":
        assert json.loads(text)
    assert not re.search(r"localhost|127\.0\.0\.1(?!\d)|\[?::1\]?", text)


def test_every_address_is_a_box_of_the_compose_files() -> None:
    ports = find_ports()
    assert set(SERVICES) == set(ports)
    found = 0
    for path in [*TEXTS, *ROOT.glob("docker-compose.*.yml")]:
        for host, port in re.findall(r"(?<![\w.-])([a-z][a-z-]+):(\d{4,5})\b", path.read_text()):
            if (host, path.suffix) != ("time", ".yml"):
                assert int(port) in ports.get(host, ()), f"{path}: {host}:{port}"
                found += 1
    assert found > 20


def test_every_box_is_scraped() -> None:
    configs = read_yaml("prometheus.yml")["scrape_configs"]
    statics = [static for config in configs for static in config["static_configs"]]
    targets = {target.partition(":")[0] for static in statics for target in static["targets"]}
    assert targets == set(SERVICES) - {"postgres", "redis", "nginx"}, "the servers are scraped through exporters"
    labels = {tuple(static["labels"].values()) for static in statics if "labels" in static}
    business = {"auth", "backend", "worker", "scheduler", "frontend", "postgres", "redis", "nginx"}
    assert {service for cluster, service in labels if cluster == "business"} == business
    roles = {"collector", "logs", "metrics", "alerts", "traces", "dashboards", "host"}
    assert {service for cluster, service in labels if cluster == "observability"} == roles


def test_rules_lie_where_the_stores_look() -> None:
    metrics = read_yaml("prometheus.yml")["rule_files"]
    assert metrics == ["/etc/prometheus/rules/metrics/*.yml"]
    assert read_yaml("loki.yml")["ruler"]["storage"]["local"]["directory"] == "/etc/loki/rules/logs"
    for folder in ("metrics", "logs/fake"):
        rules = [rule for path in (CONFIG / "rules" / folder).glob("*.yml") for rule in list_rules(path)]
        assert any("alert" in rule for rule in rules)
        for rule in rules:
            assert rule["expr"]
            assert "record" in rule or rule["annotations"]["summary"]
            assert "record" in rule or rule["labels"]["severity"] in {"warning", "critical"}


def list_rules(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def test_the_log_rules_are_logql() -> None:
    for path in (CONFIG / "rules/logs").rglob("*.yml"):
        for rule in list_rules(path):
            try:
                parse(rule["expr"])
            except UnsupportedError:  # the original evaluates these
                continue


def test_the_log_store_takes_the_file() -> None:
    config = load_config(CONFIG / "loki.yml")
    assert config.retention_enabled
    assert config.limits.retention_period == 30 * 86_400 * 10**9
    assert not config.auth_enabled
    assert config.warnings == ()


def test_mounts_match_the_paths_in_the_files() -> None:
    def find_mounts(name: str) -> set[str]:
        return {volume.split(":")[1] for volume in SERVICES[name]["volumes"]}

    assert {"/etc/loki/rules/logs", "/loki", "/etc/loki/loki.yml"} <= find_mounts("loki")
    assert {"/etc/prometheus/rules/metrics", "/prometheus"} <= find_mounts("prometheus")
    assert {"/var/lib/promtail", "/var/lib/docker/containers", "/etc/promtail/promtail.yml"} <= find_mounts(
        "promtail"
    )
    provider = read_yaml("grafana/provisioning/dashboards/dashboards.yml")["providers"][0]
    assert provider["options"]["path"] in find_mounts("grafana")
    badger = read_yaml("jaeger.yml")["extensions"]["jaeger_storage"]["backends"]["traces"]["badger"]
    assert {str(Path(path).parent) for path in badger["directories"].values()} <= find_mounts("jaeger")


def test_the_traces_pipelines_name_what_is_there() -> None:
    config = read_yaml("jaeger.yml")
    for pipeline in config["service"]["pipelines"].values():
        assert set(pipeline["receivers"]) <= set(config["receivers"])
        assert set(pipeline["exporters"]) <= set(config["exporters"])
        assert set(pipeline.get("processors", [])) <= set(config["processors"])
    assert set(config["service"]["extensions"]) == set(config["extensions"])


def test_data_sources_that_are_referred_to_exist() -> None:
    path = "grafana/provisioning/datasources/datasources.yml"
    sources = read_yaml(path)["datasources"]
    uids = {source["uid"] for source in sources}
    assert len(uids) == len(sources) == 4
    assert set(re.findall(r"datasourceUid: (\w+)", (CONFIG / path).read_text())) == {"logs", "metrics", "traces"}
    kinds = {source["uid"]: source["type"] for source in sources}
    for dashboard in (CONFIG / "dashboards").glob("*.json"):
        content = json.loads(dashboard.read_text())
        panels = content["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        for panel in panels:
            for target in panel["targets"]:
                assert kinds[target["datasource"]["uid"]] == target["datasource"]["type"]
        names = {variable["name"] for variable in content["templating"]["list"]}
        used = set(re.findall(r"\$(\w+)", " ".join(t["expr"] for p in panels for t in p["targets"])))
        assert {name for name in used if not name.startswith("__")} <= names


def test_a_trace_id_in_a_log_line_leads_to_its_trace() -> None:
    sources = read_yaml("grafana/provisioning/datasources/datasources.yml")["datasources"]
    field = next(source for source in sources if source["type"] == "loki")["jsonData"]["derivedFields"][0]
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    for line in (json.dumps({"trace_id": trace_id}), json.dumps({"trace_id": trace_id}, separators=(",", ":"))):
        found = re.search(field["matcherRegex"], line)
        assert found
        assert found[1] == trace_id


def test_alert_routes_lead_to_receivers_and_what_they_mute_exists() -> None:
    config = read_yaml("alertmanager.yml")
    receivers = {receiver["name"] for receiver in config["receivers"]}
    routes = [config["route"], *config["route"]["routes"]]
    assert {route["receiver"] for route in routes} <= receivers
    alerts = {rule.get("alert") for path in (CONFIG / "rules").rglob("*.yml") for rule in list_rules(path)}
    sources = [matcher for rule in config["inhibit_rules"] for matcher in rule["source_matchers"]]
    assert {re.search('alertname="(.+)"', matcher)[1] for matcher in sources} <= alerts  # type: ignore[index]


def test_the_alerts_role_takes_the_file_and_notifies_nobody_until_it_is_told_whom(tmp_path: Path) -> None:
    text = (CONFIG / "alertmanager.yml").read_text()
    shipped = load_alerts_config(CONFIG / "alertmanager.yml")
    assert shipped.warnings == ()
    assert [receiver.webhooks for receiver in shipped.receivers.values()] == [()]
    marked = re.compile(r"^    # (webhook_configs:|  - url: .*)$", re.MULTILINE)
    (tmp_path / "told.yml").write_text(marked.sub(r"    \1", text))
    told = load_alerts_config(tmp_path / "told.yml")
    assert [webhook.url for webhook in told.receivers["operators"].webhooks] == [
        "https://chat.example.org/hooks/operations"
    ]


def test_the_metrics_role_takes_the_file_and_its_rules() -> None:
    assert load_metrics_config(CONFIG / "prometheus.yml").warnings == ()
    for path in (CONFIG / "rules/metrics").glob("*.yml"):
        _, warnings = load_groups(path, 15.0, parse_promql)
        assert warnings == []


def test_every_target_is_a_port_of_the_embedded_clusters() -> None:
    """So that each has up == 1 both ways to run."""
    configs = read_yaml("prometheus.yml")["scrape_configs"]
    targets = {target for config in configs for static in config["static_configs"] for target in static["targets"]}
    assert targets <= set(json.loads(Ports().addresses()))

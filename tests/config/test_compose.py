"""The compose files: valid, separate, pinned, closed to the outside, and in agreement with config/."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from auth_service.settings import SETTINGS as AUTH
from backend_service.settings import SETTINGS as BACKEND
from frontend_service.settings import SETTINGS as FRONTEND

ROOT = Path(__file__).parents[2]
APP, OBSERVABILITY, OVERRIDE = (
    yaml.safe_load((ROOT / f"docker-compose.{name}.yml").read_text()) for name in ("app", "observability", "override")
)
FILES = {"app": APP, "observability": OBSERVABILITY, "override": OVERRIDE}
SERVICES: dict[str, dict[str, Any]] = APP["services"] | OBSERVABILITY["services"]
BUSINESS = {"postgres", "redis", "auth", "backend", "worker", "scheduler", "frontend", "nginx"}
OURS = {"auth": AUTH, "backend": BACKEND, "worker": BACKEND, "scheduler": BACKEND, "frontend": FRONTEND}
BOXES = {"promtail": "collector", "loki": "logs", "prometheus": "metrics", "alertmanager": "alerts"}
BOXES |= {"jaeger": "traces", "grafana": "dashboards"}


def each_service() -> list[Any]:
    return [pytest.param(name, service, id=name) for name, service in SERVICES.items()]


def substitute(text: str) -> str:
    """What Compose makes of ${NAME:-default} with an empty environment."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_the_files_follow_the_compose_specification() -> None:
    paths = [str(ROOT / f"docker-compose.{name}.yml") for name in FILES]
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *paths],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_plain_up_takes_the_app() -> None:
    link = ROOT / "docker-compose.yml"
    assert link.is_symlink()
    assert link.readlink() == Path("docker-compose.app.yml")


def test_the_clusters_are_separate() -> None:
    assert set(APP["services"]) == BUSINESS
    assert set(OBSERVABILITY["services"]).isdisjoint(BUSINESS)
    assert set(OVERRIDE["services"]) <= BUSINESS, "the override is loaded with the app alone"
    for name, service in APP["services"].items():
        assert set(service.get("depends_on", {})) <= BUSINESS, name
    for name, service in OBSERVABILITY["services"].items():
        assert set(service.get("depends_on", {})).isdisjoint(BUSINESS), name
        assert APP["name"] == OBSERVABILITY["name"]


@pytest.mark.parametrize(("name", "service"), each_service())
def test_images_are_pinned(name: str, service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z0-9_/-]+:v?\d+\.\d+(\.\d+)?", substitute(service["image"])), service["image"]
    if "build" in service:
        assert (ROOT / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("file", FILES)
def test_ports_are_published_on_loopback_and_are_the_same_inside(file: str) -> None:
    for name, service in FILES[file]["services"].items():
        for port in service.get("ports", []):
            address, outside, inside = substitute(port).split(":")
            assert address == "127.0.0.1", name
            assert outside == inside, name


def test_only_the_two_doors_are_published() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"nginx", "grafana"}


@pytest.mark.parametrize(("name", "service"), each_service())
def test_logs_are_rotated_and_carry_cluster_and_box(name: str, service: dict[str, Any]) -> None:
    cluster = "business" if name in BUSINESS else "observability"
    logging = service["logging"]
    assert logging["driver"] == "json-file"
    assert logging["options"]["tag"] == f"{cluster}/{BOXES.get(name, name)}"
    assert {"max-size", "max-file"} <= set(logging["options"])


@pytest.mark.parametrize(("name", "service"), each_service())
def test_secrets_are_files(name: str, service: dict[str, Any]) -> None:
    for variable in service.get("environment", {}):
        if re.search("PASS|SECRET|TOKEN", variable):
            assert variable.endswith("_FILE"), f"{name}: {variable}"
    mounted = {f"/run/secrets/{secret}" for secret in service.get("secrets", [])}
    assert set(re.findall(r"/run/secrets/[\w-]+", str(service))) <= mounted


@pytest.mark.parametrize("file", ["app", "observability"])
def test_what_a_file_uses_it_declares(file: str) -> None:
    content = FILES[file]
    for name, service in content["services"].items():
        assert set(service["networks"]) <= set(content["networks"]), name
        assert set(service.get("secrets", [])) <= set(content["secrets"]), name
        volumes = [volume.partition(":")[0] for volume in service.get("volumes", [])]
        assert {volume for volume in volumes if not volume.startswith((".", "/"))} <= set(content["volumes"]), name
        for volume in volumes:
            assert not volume.startswith("./") or (ROOT / volume).exists(), f"{name}: {volume}"
    assert set(content["networks"]) == {"app-network", "monitoring-network"}


def test_both_files_declare_shared_things_alike() -> None:
    for kind in ("networks", "secrets", "volumes"):
        shared = set(APP[kind]) & set(OBSERVABILITY[kind])
        assert {name: APP[kind][name] for name in shared} == {name: OBSERVABILITY[kind][name] for name in shared}


def test_only_what_must_cross_is_on_both_networks() -> None:
    both = {name for name, service in SERVICES.items() if len(service["networks"]) == 2}
    exporters = {name for name in SERVICES if name.endswith("-exporter")} - {"node-exporter"}
    assert both == set(OURS) | exporters
    for name, service in SERVICES.items():
        home = "app-network" if name in BUSINESS else "monitoring-network"
        assert home in service["networks"], name


@pytest.mark.parametrize("name", OURS)
def test_environment_names_are_settings(name: str) -> None:
    known = {setting.name for setting in OURS[name]}
    given = set(SERVICES[name]["environment"])
    assert given <= known
    overridden = set(OVERRIDE["services"][name]["environment"])
    assert overridden <= known | {"LOG_LEVEL", "PYTHONPATH"}


def test_business_images_are_built_without_observability_code() -> None:
    for dockerfile in (ROOT / "deploy/images").glob("*/Dockerfile"):
        text = dockerfile.read_text()
        copied = re.findall(r"^COPY (?!--from)(\S+)", text, re.MULTILINE)
        allowed = (dockerfile.parent / "Dockerfile.dockerignore").read_text()
        assert re.search(r"^ARG BASE=python:3\.11-slim$", text, re.MULTILINE)
        assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1] == "10001:10001"
        assert all((ROOT / path).exists() for path in copied)
        assert "**\n" in allowed
        if dockerfile.parent.name in OURS:
            assert "observability" not in [*copied, *re.findall(r"^!(\w+)", allowed, re.MULTILINE)]
        else:
            assert "services" not in [path.partition("/")[0] for path in copied]


def test_the_example_names_every_file_and_secret() -> None:
    text = (ROOT / ".env.example").read_text()
    files = re.search(r"^COMPOSE_FILE=(.*)$", text, re.MULTILINE)
    assert files
    assert all((ROOT / file).is_file() for file in files[1].split(":"))
    for secret in APP["secrets"] | OBSERVABILITY["secrets"]:
        stem = secret.removesuffix("-password")
        assert re.search(rf"secrets/{secret}|for name in [^;]*\b{stem}\b", text), secret
    variables = {name for path in FILES for name in re.findall(r"\$\{(\w+)", str(FILES[path]))}
    assert all(re.search(rf"^{name}=", text, re.MULTILINE) for name in variables)

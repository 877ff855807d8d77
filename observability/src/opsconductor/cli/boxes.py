"""The table of boxes of both clusters: command, environment, order, probe of each."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from opsconductor.cli.box import BoxSpec
from opsconductor.cli.health import probe_http, probe_postgres, probe_redis
from opsconductor.cli.home import CONFIG_ENVIRONMENT, Home
from opsconductor.cli.passwords import ADMINISTRATOR, DASHBOARDS, POSTGRES, REDIS, ensure_password
from opsconductor.cli.ports import DEFAULT_PORTS, SIDE_PORTS, Ports
from opsconductor.cli.process import MARK
from opsconductor.cli.servers.nginx import nginx_argv, write_nginx_configuration
from opsconductor.cli.servers.postgres import ROLE, postgres_argv, prepare_postgres
from opsconductor.cli.servers.privileges import Privileges, choose_privileges, make_state
from opsconductor.cli.servers.programs import find_nginx, find_postgres, find_redis, make_reachable
from opsconductor.cli.servers.redis import CONFIGURATION, write_redis_configuration
from opsconductor.cli.servers.tool import plain_environment
from opsconductor.model import address, paths

SERVICES = {
    "auth": "auth_service",
    "backend": "backend_service",
    "worker": "backend_service.worker",
    "scheduler": "backend_service.scheduler",
    "frontend": "frontend_service",
}
"""Box → Python module, in the business cluster."""
ROLES = {
    "logs": ("loki.yml", "loki"),
    "collector": ("promtail.yml", "var/lib/promtail"),
    "metrics": ("prometheus.yml", "prometheus"),
    "alerts": ("alertmanager.yml", "alertmanager"),
    "traces": ("jaeger.yml", "badger"),
    "dashboards": ("grafana/provisioning", "var/lib/grafana"),
    "exporters": ("", ""),
}
"""Box → its configuration below config/ and its data below the home, in the observability cluster."""
BOXES = {"business": ("postgres", "redis", *SERVICES, "nginx"), "observability": tuple(ROLES)}
NEEDS = {
    "auth": ("postgres", "redis"),
    "backend": ("postgres", "redis"),
    "worker": ("postgres", "redis"),
    "scheduler": ("postgres", "redis"),
    "frontend": ("auth", "backend"),
    "nginx": ("auth", "backend", "frontend"),
    "collector": ("logs",),
}


@dataclass(frozen=True)
class Place:
    """Where a cluster runs: what every box's command and environment are made of."""

    home: Home
    config: Path
    ports: Ports


def build_boxes(cluster: str, home: Home, config: Path, offset: int) -> list[BoxSpec]:
    """The boxes of one cluster. Finds the servers' programs (MissingServerError) and makes missing passwords."""
    place = Place(home, config, Ports(offset))
    if cluster == "observability":
        for password in (POSTGRES, REDIS, DASHBOARDS):
            ensure_password(home, password)
        return [_role(place, name, file, data) for name, (file, data) in ROLES.items()]
    for password in (ADMINISTRATOR, POSTGRES, REDIS):
        ensure_password(home, password)
    privileges = choose_privileges()
    state = make_state(privileges, home.state)
    services = [_service(place, name, module) for name, module in SERVICES.items()]
    return [
        _postgres(place, privileges, state),
        _redis(place, privileges, state),
        *services,
        _nginx(place, privileges, state),
    ]


def _environment(place: Place) -> dict[str, str]:
    """What every process of ours gets: the user's environment without what would mislead it, and our tables."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("PG") and name not in {MARK, "NGINX"}
    }
    direct = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1,localhost"]))
    return inherited | {
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": direct,
        "no_proxy": direct,
        paths.ENVIRONMENT: str(place.home.root),
        CONFIG_ENVIRONMENT: str(place.config),
        address.ENVIRONMENT: place.ports.addresses(),
    }


def _service(place: Place, name: str, module: str) -> BoxSpec:
    secrets = place.home.secrets
    database = "auth" if name == "auth" else "backend"
    return BoxSpec(
        name=name,
        cluster="business",
        argv=(sys.executable, "-P", "-m", module),
        port=place.ports.of(name),
        probe=probe_http(place.ports.of(name)),
        needs=NEEDS.get(name, ()),
        on_orphan=signal.SIGTERM if name == "worker" else signal.SIGKILL,  # the worker ends its commands
        environment=_environment(place)
        | {
            "LISTEN": place.ports.listen(name),
            "DATABASE_URL": f"postgresql+psycopg://{ROLE}@postgres:{DEFAULT_PORTS['postgres']}/{database}",
            "DATABASE_PASSWORD_FILE": str(secrets / POSTGRES),
            "REDIS_URL": f"redis://redis:{DEFAULT_PORTS['redis']}/0",
            "REDIS_PASSWORD_FILE": str(secrets / REDIS),
            "ADMINISTRATOR_PASSWORD_FILE": str(secrets / ADMINISTRATOR),
            "AUTH_URL": f"http://auth:{DEFAULT_PORTS['auth']}",
            "BACKEND_URL": f"http://backend:{DEFAULT_PORTS['backend']}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://jaeger:{SIDE_PORTS['traces']['otlp-http']}",
        },
    )


def _role(place: Place, name: str, file: str, data: str) -> BoxSpec:
    options = ["--listen", place.ports.listen(name)]
    if file:
        options += ["--config", str(place.config / file), "--data", str(place.home.root / data)]
    for listener, listen in place.ports.side(name).items():
        options += [f"--{listener}", listen]
    return BoxSpec(
        name=name,
        cluster="observability",
        argv=(sys.executable, "-P", "-m", "opsconductor.cli.main", "run", name, *options),
        port=place.ports.of(name),
        probe=probe_http(place.ports.of(name)),
        needs=NEEDS.get(name, ()),
        environment=_environment(place) | _role_environment(place.home),
        url=f"http://{place.ports.listen(name)}/",
    )


def _role_environment(home: Home) -> dict[str, str]:
    """Settings of the roles that no configuration file holds, under the originals' names."""
    return {
        "DATA_SOURCE_URI": f"postgres:{DEFAULT_PORTS['postgres']}/postgres",
        "DATA_SOURCE_USER": ROLE,
        "DATA_SOURCE_PASS_FILE": str(home.secrets / POSTGRES),
        "REDIS_ADDR": f"redis://redis:{DEFAULT_PORTS['redis']}",
        "REDIS_PASSWORD_FILE": str(home.secrets / REDIS),
        "GF_SECURITY_ADMIN_PASSWORD__FILE": str(home.secrets / DASHBOARDS),
    }


def _postgres(place: Place, privileges: Privileges, state: Path) -> BoxSpec:
    data, port = state / "postgres", place.ports.of("postgres")
    program = make_reachable(find_postgres(data), privileges, state)
    return BoxSpec(
        name="postgres",
        cluster="business",
        argv=postgres_argv(program, data, port),
        port=port,
        probe=probe_postgres(port),
        prepare=partial(prepare_postgres, program, data, privileges, place.home.secrets / POSTGRES),
        privileges=privileges,
        stop_signal=signal.SIGINT,  # "fast": ends open transactions
        on_orphan=signal.SIGQUIT,  # "immediate": the next start recovers from the log
        environment=plain_environment(),
    )


def _redis(place: Place, privileges: Privileges, state: Path) -> BoxSpec:
    folder, port = state / "redis", place.ports.of("redis")
    program = make_reachable(find_redis(), privileges, state)
    password = place.home.secrets / REDIS
    return BoxSpec(
        name="redis",
        cluster="business",
        argv=(str(program.path), str(folder / CONFIGURATION)),
        port=port,
        probe=probe_redis(port, password),
        prepare=partial(asyncio.to_thread, write_redis_configuration, folder, port, privileges, password),
        privileges=privileges,
        on_orphan=signal.SIGTERM,
        environment=plain_environment(),
    )


def _nginx(place: Place, privileges: Privileges, state: Path) -> BoxSpec:
    prefix, port = state / "nginx", place.ports.of("nginx")
    program = make_reachable(find_nginx(), privileges, state)
    source = place.config / "nginx"
    return BoxSpec(
        name="nginx",
        cluster="business",
        argv=nginx_argv(program.path, prefix),
        port=port,
        probe=probe_http(port, "/health"),
        prepare=partial(asyncio.to_thread, write_nginx_configuration, prefix, source, place.ports, privileges),
        needs=NEEDS["nginx"],
        privileges=privileges,
        stop_signal=signal.SIGQUIT,  # requests that run are finished
        on_orphan=signal.SIGTERM,
        environment=plain_environment(),
        url=f"http://{place.ports.listen('nginx')}/",
    )

"""What the exporters read of real servers, of this host, and of an access log through a rotation."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.servers import start_postgres, start_redis

from opsconductor.exporters.config import read_settings
from opsconductor.exporters.family import Family, render
from opsconductor.exporters.host import collect_host
from opsconductor.exporters.nginx import NginxLog, collect_nginx
from opsconductor.exporters.postgres import PostgresAddress, collect_postgres
from opsconductor.exporters.redis import RedisAddress, collect_redis
from opsconductor.metrics.exposition import parse_exposition
from opsconductor.model.errors import ConfigError


def read(families: list[Family]) -> dict[tuple[str, ...], float]:
    """Samples by name and label values, through the reader that scrapes use."""
    samples, _ = parse_exposition(render(families), openmetrics=False)
    return {
        (dict(one.labels)["__name__"], *(value for name, value in one.labels if name != "__name__")): one.value
        for one in samples
    }


def test_host() -> None:
    found = read(collect_host())
    assert found["node_memory_MemTotal_bytes",] > found["node_memory_MemAvailable_bytes",] > 0
    assert found["node_cpu_seconds_total", "0", "idle"] > 0
    assert found["node_load1",] >= 0
    assert found["node_boot_time_seconds",] < found["node_time_seconds",]
    assert any(key[0] == "node_filesystem_avail_bytes" for key in found)


def test_host_without_a_kernel_s_files(tmp_path: Path) -> None:
    assert {family.name for family in collect_host(tmp_path)} == {"node_uname_info", "node_time_seconds"}


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresAddress]:
    server = start_postgres(tmp_path_factory.mktemp("postgres"))
    parts = urlsplit(server.url)
    password = server.password_file.read_text().strip()
    yield PostgresAddress(
        parts.hostname or "", parts.port or 5432, parts.username or "", password, parts.path.strip("/")
    )
    server.stop()


def test_postgres(postgres: PostgresAddress) -> None:
    found = read(collect_postgres(postgres))
    assert found["pg_up",] == 1
    assert found["pg_settings_max_connections",] > 0
    assert found["pg_database_size_bytes", postgres.database] > 1_000_000
    assert any(key[0] == "pg_stat_database_xact_commit" and postgres.database in key for key in found)


def test_a_postgres_that_is_not_there_is_down() -> None:
    assert read(collect_postgres(PostgresAddress("127.0.0.1", 1, "x", "", "x"))) == {("pg_up",): 0}


async def test_redis(tmp_path: Path) -> None:
    server = start_redis(tmp_path)
    try:
        parts = urlsplit(server.url)
        found = read(
            await collect_redis(
                RedisAddress(parts.hostname or "", parts.port or 6379, server.password_file.read_text().strip())
            )
        )
        assert found["redis_up",] == 1
        assert found["redis_connected_clients",] >= 1
        assert found["redis_commands_processed_total",] >= 0
    finally:
        server.stop()


async def test_a_redis_that_is_not_there_is_down() -> None:
    assert read(await collect_redis(RedisAddress("127.0.0.1", 1, ""))) == {("redis_up",): 0}


def write_access(path: Path, *statuses: int) -> None:
    with path.open("a") as file:
        for status in statuses:
            file.write(json.dumps({"http.response.status_code": status, "duration_ms": 20.0}) + "\n")
        file.write("2026/01/01 error log lines are not counted\n")


async def test_nginx_counts_across_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "nginx.log"
    write_access(path, 200)
    log = NginxLog(path)
    assert read(await collect_nginx("127.0.0.1", 1, log))["nginx_http_requests_total",] == 0
    write_access(path, 200, 500)
    path.rename(tmp_path / "nginx.log.1")
    write_access(path, 200, 200)
    found = read(await collect_nginx("127.0.0.1", 1, log))
    log.close()
    assert found["nginx_up",] == 0
    assert found["nginx_http_requests_total",] == 4
    assert found["nginx_http_responses_total", "500"] == 1
    assert found["nginx_http_request_duration_seconds_bucket", "0.025"] == 4
    assert found["nginx_http_request_duration_seconds_bucket", "0.01"] == 0


def test_settings() -> None:
    config = read_settings({"DATA_SOURCE_URI": "db:6000/app", "REDIS_ADDR": "cache:7000", "NGINX_ADDR": "door"})
    assert (config.postgres.host, config.postgres.port, config.postgres.database) == ("db", 6000, "app")
    assert (config.redis.host, config.redis.port) == ("cache", 7000)
    assert config.nginx == ("door", 80)
    with pytest.raises(ConfigError, match="cannot read DATA_SOURCE_URI"):
        read_settings({"DATA_SOURCE_URI": "db:port/app"})
    with pytest.raises(ConfigError, match="cannot read password file"):
        read_settings({"REDIS_PASSWORD_FILE": "/nonexistent/password"})

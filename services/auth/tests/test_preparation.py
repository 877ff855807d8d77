"""The servers come and go; the service waits, says so, and serves again."""

import httpx
import pytest
from service import start_service
from support.servers import find_free_port, start_postgres, start_redis


@pytest.fixture
def servers(tmp_path):
    """Starts servers for one test and stops them."""
    started = []

    def start(kind, name: str):
        (tmp_path / name).mkdir()
        started.append(kind(tmp_path / name))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def test_it_waits_for_its_servers_and_meanwhile_says_so(environment, tmp_path) -> None:
    missing = {
        "DATABASE_URL": f"postgresql+psycopg://opsconductor@127.0.0.1:{find_free_port()}/auth",
        "REDIS_URL": f"redis://127.0.0.1:{find_free_port()}/0",
    }
    service = start_service(environment, tmp_path, **missing)
    try:
        service.wait_for_line("waiting for a server", server="postgres")
        assert httpx.get(f"{service.url}/health").status_code == 200
        ready = httpx.get(f"{service.url}/ready")
        assert (ready.status_code, ready.json()["missing"]) == (503, ["postgres", "redis"])
        answer = service.log_in("admin", "x")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["detail"].startswith("cannot serve yet")
    finally:
        assert service.stop() == 0


def test_a_lost_postgres_leaves_the_session_check_alone_and_a_lost_redis_does_not(
    environment, tmp_path, servers
) -> None:
    postgres, redis = servers(start_postgres, "postgres"), servers(start_redis, "redis")
    access = {
        "DATABASE_URL": postgres.create_database("auth"),
        "DATABASE_PASSWORD_FILE": str(postgres.password_file),
        "REDIS_URL": redis.url,
        "REDIS_PASSWORD_FILE": str(redis.password_file),
    }
    service = start_service(environment, tmp_path, **access)
    try:
        service.wait_until_ready()
        token = service.log_in_administrator()["access_token"]
        postgres.stop()
        with service.client(token) as client:
            assert client.get("/session").status_code == 200
            answer = client.get("/users")
            assert (answer.status_code, answer.json()["detail"]) == (503, "cannot reach postgres: try again")
            assert httpx.get(f"{service.url}/ready").json()["missing"] == ["postgres"]
            redis.stop()
            answer = client.get("/session")
        assert (answer.status_code, answer.json()["detail"]) == (503, "cannot reach redis: try again")
        ready = httpx.get(f"{service.url}/ready")
        assert (ready.status_code, ready.json()["missing"]) == (503, ["postgres", "redis"])
        assert service.wait_for_line("server unreachable", server="redis")["level"] == "warning"
        assert "auth_sessions_active" not in httpx.get(f"{service.url}/metrics").text
    finally:
        assert service.stop() == 0

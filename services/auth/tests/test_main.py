"""`python -m auth_service` from start to end."""

import json
import socket
import threading
import time

import httpx
from service import start_service


def test_it_migrates_makes_the_administrator_and_counts_logins_by_the_proxys_address(
    environment, tmp_path, postgres
) -> None:
    # over the Unix socket, which serves as well
    name = environment["DATABASE_URL"].rpartition("/")[2]
    service = start_service(environment, tmp_path, DATABASE_URL=postgres.socket_url(name), LOGIN_RATE_PER_MINUTE="2")

    def log_in(forwarded: str) -> httpx.Response:
        return service.log_in("admin", service.administrator_password, headers={"X-Forwarded-For": forwarded})

    try:
        service.wait_until_ready()
        answers = [log_in("198.51.100.7") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json()["user"]["role"] == "administrator"
        answer = log_in("203.0.113.9, 198.51.100.7")
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert log_in("198.51.100.7, 203.0.113.9").status_code == 200
        assert service.wait_for_line("login refused", reason="rate limit")["user.name"] == "admin"
        assert 'auth_logins_total{result="limited"} 1.0' in httpx.get(f"{service.url}/metrics").text.splitlines()
    finally:
        assert service.stop() == 0
    lines = service.lines()
    assert {line["service"] for line in lines} == {"auth"}
    assert lines[-1]["message"].startswith("Finished server process")
    assert [line["message"] for line in lines if line["message"] == "user created"] == ["user created"]


def test_a_second_start_finds_everything_done_resolves_names_and_finishes_requests_at_sigterm(
    environment, tmp_path, postgres, redis_server
) -> None:
    table = {"postgres:5432": f"127.0.0.1:{postgres.port}", "redis:6379": f"127.0.0.1:{redis_server.port}"}
    named = {
        "DATABASE_URL": environment["DATABASE_URL"].replace(f"127.0.0.1:{postgres.port}", "postgres:5432"),
        "REDIS_URL": "redis://redis/0",
        "OPSCONDUCTOR_ADDRESSES": json.dumps(table),
    }
    service = start_service(environment, tmp_path, **named)
    statuses = []

    def log_in() -> None:
        statuses.append(service.log_in("admin", service.administrator_password).status_code)

    try:
        service.wait_until_ready()
        threads = [threading.Thread(target=log_in) for _ in range(8)]
        for thread in threads:
            thread.start()
        service.wait_for_line("login succeeded")
        time.sleep(0.01)
    finally:
        assert service.stop() == 0
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert "user created" not in {line["message"] for line in service.lines()}


def test_an_occupied_port_is_named(environment, tmp_path) -> None:
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        address = f"127.0.0.1:{occupant.getsockname()[1]}"
        service = start_service(environment, tmp_path, LISTEN=address)
        assert service.process.wait(20) == 1
    assert service.output.read_text().startswith(f"cannot listen on {address}: ")


def test_a_wrong_setting_ends_the_start(environment, tmp_path) -> None:
    service = start_service(environment, tmp_path, ACCESS_TOKEN_S="soon")
    assert service.process.wait(20) == 2
    assert service.output.read_text().startswith('cannot use ACCESS_TOKEN_S "soon": ')


def test_a_password_file_that_cannot_be_made_ends_the_start(environment, tmp_path, postgres) -> None:
    (tmp_path / "file").touch()
    access = {
        "DATABASE_URL": postgres.create_database("auth_unwritable"),
        "ADMINISTRATOR_PASSWORD_FILE": str(tmp_path / "file" / "administrator"),
    }
    service = start_service(environment, tmp_path, **access)
    assert service.process.wait(20) == 2
    assert "ADMINISTRATOR_PASSWORD_FILE" in service.wait_for_line("cannot start")["error"]

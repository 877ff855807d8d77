"""A process from its start to its stop."""

import threading
from pathlib import Path

import httpx
from backend_world import Api, World, ask, start_process
from support.platform import wait_until
from support.servers import find_free_port, start_redis


def test_it_listens_at_once_and_names_what_is_missing(world: World, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    changes = {
        "DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
        "REDIS_URL": f"redis://127.0.0.1:{find_free_port()}",
    }
    process = world.start("backend_service", **changes)
    wait_until(lambda: ask(f"{process.url}/health") == 200, 30, "/health")
    answer = httpx.get(f"{process.url}/ready")
    assert answer.status_code == 503
    assert set(answer.json()["missing"]) == {"postgres", "redis"}
    assert httpx.get(f"{process.url}/api/jobs").status_code == 503
    process.wait_line("waiting for a dependency", dependency="postgres")
    assert process.stop() == 0


def test_a_worker_waits_for_the_schema(world: World) -> None:
    changes = {"DATABASE_URL": world.postgres.create_database("not_migrated")}
    worker = world.start("backend_service.worker", **changes)
    worker.wait_line("waiting for the schema")
    answer = httpx.get(f"{worker.url}/ready")
    assert (answer.status_code, list(answer.json()["missing"])) == (503, ["schema"])
    world.start("backend_service", **changes)
    worker.wait_ready()


def test_servers_that_come_back_are_used_again(world: World, tmp_path: Path) -> None:
    """A Redis of the test's own, taken away and given back to a running worker and API."""
    server = start_redis(tmp_path)
    changes = {"REDIS_URL": server.url, "REDIS_PASSWORD_FILE": str(server.password_file)}
    worker = world.start_worker(**changes)
    server.stop()
    worker.wait_line("cannot read the run queue")
    assert httpx.get(f"{worker.url}/ready").json()["missing"].keys() == {"redis"}
    assert httpx.get(f"{worker.url}/health").status_code == 200
    assert worker.stop() == 0


def test_sigterm_finishes_the_running_request(api: Api) -> None:
    process = api.world.start("backend_service", AUTH_URL=api.auth.url).wait_ready()
    answers: list[int] = []

    def read_runs() -> None:
        headers = {"Authorization": api.viewer.headers["Authorization"]}
        answers.append(httpx.get(f"{process.url}/api/runs", headers=headers, timeout=20).status_code)

    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    connect = api.world.postgres.connect
    with connect(api.world.name) as connection, connect(api.world.name) as observer:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE runs")
        request = threading.Thread(target=read_runs)
        request.start()
        wait_until(lambda: observer.execute(waiting).fetchone() != (0,), 10, "the request at the lock")
        process.popen.terminate()
        process.wait_line("Shutting down")
        assert answers == []
        connection.execute("COMMIT")
    request.join(10)
    assert answers == [200]
    assert process.popen.wait(5) == 0


def test_an_occupied_port_ends_the_process(world: World, tmp_path: Path) -> None:
    process = world.start("backend_service.scheduler").wait_ready()
    second = start_process(
        "backend_service.scheduler", {**world.environment}, tmp_path, port=int(process.url.rpartition(":")[2])
    )
    assert second.popen.wait(30) != 0
    assert "address already in use" in second.log.read_text()

"""The gate: sessions, roles and body sizes, over the API process and the real auth service."""

import socket

import httpx
import pytest
from backend_world import Api

WRITES = [
    ("POST", "/api/targets"),
    ("PUT", "/api/targets/1"),
    ("DELETE", "/api/targets/1"),
    ("POST", "/api/jobs"),
    ("PUT", "/api/jobs/1"),
    ("DELETE", "/api/jobs/1"),
    ("POST", "/api/jobs/1/runs"),
    ("POST", "/api/schedules"),
    ("PUT", "/api/schedules/1"),
    ("DELETE", "/api/schedules/1"),
]
READS = ["/api/targets", "/api/targets/1", "/api/jobs", "/api/jobs/1", "/api/runs", "/api/schedules"]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_viewers_do_not_write(api: Api, method: str, path: str) -> None:
    answer = api.viewer.request(method, path)
    assert answer.status_code == 403
    assert answer.json() == {"detail": f"cannot {method} {path}: role viewer may only read"}
    for client in (api.operator, api.administrator):
        assert client.request(method, path.replace("1", str(10**12))).status_code in {404, 422}


@pytest.mark.parametrize("path", READS)
def test_every_role_reads(api: Api, path: str) -> None:
    for client in api.clients.values():
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", [*READS, "/api/nothing"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
def test_without_a_session_there_is_nothing(api: Api, path: str, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{api.process.url}{path}", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["detail"].startswith("cannot accept request: ")


def test_a_logout_counts_at_once(api: Api) -> None:
    body = {"username": "viewer", "password": "a long passphrase 1"}
    token = httpx.post(f"{api.auth.url}/api/auth/login", json=body).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{api.process.url}/api/jobs", headers=headers).status_code == 200
    assert httpx.post(f"{api.auth.url}/api/auth/logout", headers=headers).status_code == 204
    assert httpx.get(f"{api.process.url}/api/jobs", headers=headers).status_code == 401


def test_unknown_paths_and_methods_say_so(api: Api) -> None:
    for method, path, status in (("GET", "/api/nothing", 404), ("PUT", "/api/jobs", 405), ("GET", "/api/jobs/", 404)):
        answer = api.operator.request(method, path)
        assert answer.status_code == status
        assert answer.json()["detail"].startswith(f"cannot {method} {path}: ")


def test_large_bodies_are_refused(api: Api) -> None:
    answer = api.operator.post("/api/targets", content=b"x" * 1_048_577)
    assert (answer.status_code, "MAX_BODY_BYTES" in answer.json()["detail"]) == (413, True)
    answer = api.operator.post("/api/targets", content=iter([b"x"]))
    assert answer.status_code == 411


def test_without_auth_the_answer_is_503(api: Api) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        process = api.world.start("backend_service", AUTH_URL=f"http://127.0.0.1:{closed.getsockname()[1]}")
        process.wait_ready()
        answer = httpx.get(f"{process.url}/api/jobs", headers={"Authorization": "Bearer x"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json()["detail"].startswith("cannot check session: ")
        assert process.stop() == 0


def test_a_lying_auth_lets_nobody_in(api: Api) -> None:
    """AUTH_URL names a server whose 200 holds no user: the backend's own /health would do."""
    process = api.world.start("backend_service", AUTH_URL=f"{api.process.url}/health#")
    process.wait_ready()
    answer = httpx.get(f"{process.url}/api/jobs", headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "cannot check session: auth answered 200; try again",
    )
    assert process.stop() == 0

from collections.abc import Iterator

import httpx
import pytest


@pytest.fixture
def user(service) -> Iterator[dict]:
    """A fresh user with its password."""
    token = service.log_in_administrator()["access_token"]
    with service.client(token) as client:
        body = {"username": f"user{len(service.lines())}", "password": "first password", "role": "operator"}
        answer = client.post("/users", json=body)
        assert answer.status_code == 201, answer.text
        yield {**answer.json(), "password": body["password"]}


def log_in(service, user: dict) -> dict:
    answer = service.log_in(user["username"], user["password"])
    assert answer.status_code == 200, answer.text
    return answer.json()


def check(service, token: str) -> httpx.Response:
    with service.client(token) as client:
        return client.get("/session")


def refresh(service, token: str) -> httpx.Response:
    with service.client() as client:
        return client.post("/refresh", json={"refresh_token": token})


def test_a_login_opens_a_session(service, user) -> None:
    answer = log_in(service, user)
    identity = {"id": user["id"], "username": user["username"], "role": "operator"}
    assert answer.keys() == {"access_token", "refresh_token", "token_type", "expires_in", "user"}
    assert (answer["token_type"], answer["expires_in"], answer["user"]) == ("bearer", 900, identity)
    session = check(service, answer["access_token"])
    assert session.status_code == 200
    assert session.json().keys() == {"session_id", "expires_at", "user"}
    assert session.json()["user"] == identity
    line = service.wait_for_line("login succeeded", **{"user.name": user["username"]})
    assert line["session.id"] == session.json()["session_id"]


def test_wrong_password_and_unknown_user_look_alike(service, user) -> None:
    wrong, unknown = service.log_in(user["username"], "wrong"), service.log_in("nobody", "wrong")
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
    assert wrong.status_code == 401
    assert wrong.headers["www-authenticate"] == "Bearer"
    for name in (user["username"], "nobody"):
        line = service.wait_for_line("login refused", **{"user.name": name})
        assert (line["level"], line["reason"]) == ("warning", "wrong user name or password")


def test_a_refresh_replaces_both_tokens(service, user) -> None:
    old = log_in(service, user)
    answer = refresh(service, old["refresh_token"])
    assert answer.status_code == 200
    new = answer.json()
    assert new.keys() == old.keys()
    assert {new["access_token"], new["refresh_token"]}.isdisjoint({old["access_token"], old["refresh_token"]})
    assert check(service, new["access_token"]).json()["user"] == old["user"]
    assert refresh(service, new["refresh_token"]).status_code == 200


def test_a_reused_refresh_token_ends_the_session(service, user) -> None:
    first = log_in(service, user)
    second = refresh(service, first["refresh_token"]).json()
    assert refresh(service, first["refresh_token"]).status_code == 401
    assert check(service, second["access_token"]).status_code == 401
    assert refresh(service, second["refresh_token"]).status_code == 401
    assert service.wait_for_line("refresh token reused", **{"user.name": user["username"]})["level"] == "warning"


def test_a_logout_ends_this_session_only(service, user) -> None:
    here, there = log_in(service, user), log_in(service, user)
    with service.client(here["access_token"]) as client:
        assert client.post("/logout").status_code == 204
    assert check(service, here["access_token"]).status_code == 401
    assert refresh(service, here["refresh_token"]).status_code == 401
    assert check(service, there["access_token"]).status_code == 200
    service.wait_for_line("logout", **{"user.name": user["username"]})


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic YWRtaW46eA==", "Bearer \xe4"])
def test_without_a_good_token_there_is_no_session(service, header) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    with service.client() as client:
        answer = client.get("/session", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["detail"].startswith("cannot ")


def test_ten_failures_lock_the_account_even_for_the_right_password(service, user) -> None:
    for _ in range(10):
        assert service.log_in(user["username"], "wrong").status_code == 401
    answer = service.log_in(user["username"], user["password"])
    assert answer.status_code == 423
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert service.wait_for_line("account locked", **{"user.name": user["username"]})["level"] == "warning"
    assert service.wait_for_line("login refused", **{"user.name": user["username"], "reason": "account locked"})


def test_a_new_password_from_an_administrator_unlocks(service, user) -> None:
    for _ in range(10):
        service.log_in(user["username"], "wrong")
    with service.client(service.log_in_administrator()["access_token"]) as client:
        assert client.patch(f"/users/{user['id']}", json={"password": "second password"}).status_code == 200
    assert service.log_in(user["username"], "second password").status_code == 200


def test_ones_own_password_is_changed_and_other_sessions_end(service, user) -> None:
    here, there = log_in(service, user), log_in(service, user)
    body = {"current": user["password"], "new": "second password"}
    with service.client(here["access_token"]) as client:
        assert client.post("/password", json={**body, "current": "wrong"}).status_code == 403
        assert client.post("/password", json=body).status_code == 204
    assert service.log_in(user["username"], user["password"]).status_code == 401
    assert service.log_in(user["username"], "second password").status_code == 200
    assert check(service, here["access_token"]).status_code == 200
    assert check(service, there["access_token"]).status_code == 401


def test_the_trace_of_the_caller_is_in_every_line(service, user) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    answer = service.log_in(user["username"], user["password"], headers=headers)
    assert answer.headers["x-trace-id"] == trace_id
    for message in ("login succeeded", "request"):
        service.wait_for_line(message, trace_id=trace_id)
    request = service.wait_for_line("request", trace_id=trace_id)
    assert request["http.route"] == request["url.path"] == "/api/auth/login"
    assert request["http.response.status_code"] == 200


def test_no_line_holds_a_password_or_token(service, user) -> None:
    tokens = log_in(service, user)
    refresh(service, tokens["refresh_token"])
    with service.client() as client:
        client.post("/login", json={"username": user["username"], "password": ["in a list"]})
        client.get("/session", params={"access_token": tokens["access_token"]})
    service.wait_for_line("login succeeded", **{"user.name": user["username"]})
    text = service.output.read_text()
    secrets = [user["password"], tokens["access_token"], tokens["refresh_token"], service.administrator_password]
    assert [secret for secret in [*secrets, "in a list", "$argon2"] if secret in text] == []

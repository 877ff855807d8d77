import itertools

import httpx
import pytest

NUMBERS = itertools.count()


@pytest.fixture
def administrator(service):
    with service.client(service.log_in_administrator()["access_token"]) as client:
        yield client


def add(administrator: httpx.Client, role: str = "viewer") -> dict:
    body = {"username": f"user{next(NUMBERS)}", "password": "long enough", "role": role}
    answer = administrator.post("/users", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def open_session(service, user: dict) -> httpx.Client:
    return service.client(service.log_in(user["username"], "long enough").json()["access_token"])


def test_a_user_is_created_read_and_removed(service, administrator) -> None:
    user = add(administrator, "operator")
    assert user.keys() == {"id", "username", "role", "active", "created_at", "last_login_at"}
    assert administrator.get(f"/users/{user['id']}").json() == user
    assert administrator.delete(f"/users/{user['id']}").status_code == 204
    assert administrator.get(f"/users/{user['id']}").status_code == 404
    for message in ("user created", "user removed"):
        assert service.wait_for_line(message, **{"user.name": user["username"]})["by"] == "admin"


def test_users_are_listed_in_pages(administrator) -> None:
    users = [add(administrator) for _ in range(3)]
    page = administrator.get("/users").json()
    assert page["total"] == len(page["items"]) >= 4
    assert [user["username"] for user in page["items"][-3:]] == [user["username"] for user in users]
    rest = administrator.get("/users", params={"limit": 2, "offset": page["total"] - 1}).json()
    assert (rest["items"], rest["total"]) == (page["items"][-1:], page["total"])


def test_names_are_lower_case_and_unique(service, administrator) -> None:
    user = add(administrator)
    body = {"username": user["username"].upper(), "password": "long enough", "role": "viewer"}
    assert administrator.post("/users", json=body).status_code == 409
    assert service.log_in(user["username"].upper(), "long enough").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"username": ""},
        {"username": "with space"},
        {"username": "x" * 65},
        {"password": "short"},
        {"password": "x" * 257},
        {"role": "emperor"},
        {"unknown": 1},
        {"password": None},
    ],
)
def test_a_bad_user_is_refused(administrator, change) -> None:
    body = {"username": "good", "password": "long enough", "role": "viewer", **change}
    answer = administrator.post("/users", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"cannot read the request: body.{next(iter(change))}: ")


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_administrators_manage_users(service, administrator, role) -> None:
    user = add(administrator, role)
    with open_session(service, user) as client:
        answers = [
            client.get("/users"),
            client.post("/users", json={"username": "x", "password": "long enough", "role": "viewer"}),
            client.get(f"/users/{user['id']}"),
            client.patch(f"/users/{user['id']}", json={"role": "administrator"}),
            client.delete(f"/users/{user['id']}"),
        ]
    assert [answer.status_code for answer in answers] == [403] * 5
    with service.client() as nobody:
        assert nobody.get("/users").status_code == 401


@pytest.mark.parametrize("change", [{"role": "operator"}, {"active": False}, {"password": "another one"}])
def test_a_change_ends_the_users_sessions(service, administrator, change) -> None:
    user = add(administrator)
    with open_session(service, user) as client:
        assert client.get("/session").status_code == 200
        answer = administrator.patch(f"/users/{user['id']}", json=change)
        assert answer.status_code == 200
        assert answer.json() == {**user, **{k: v for k, v in change.items() if k != "password"}} | {
            "last_login_at": answer.json()["last_login_at"]
        }
        assert client.get("/session").status_code == 401


def test_a_removed_user_is_out_at_once(service, administrator) -> None:
    user = add(administrator)
    with open_session(service, user) as client:
        assert administrator.delete(f"/users/{user['id']}").status_code == 204
        assert client.get("/session").status_code == 401
    assert service.log_in(user["username"], "long enough").status_code == 401


def test_an_empty_change_changes_nothing(service, administrator) -> None:
    user = add(administrator)
    with open_session(service, user) as client:
        assert administrator.patch(f"/users/{user['id']}", json={}).status_code == 200
        assert client.get("/session").status_code == 200


def test_the_last_administrator_stays(service, administrator) -> None:
    own = administrator.get("/session").json()["user"]["id"]
    for answer in (
        administrator.patch(f"/users/{own}", json={"active": False}),
        administrator.delete(f"/users/{own}"),
    ):
        assert answer.status_code == 409
        assert "last active administrator" in answer.json()["detail"]
    assert administrator.get("/session").status_code == 200

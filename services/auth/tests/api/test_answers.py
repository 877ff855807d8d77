import pytest


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "detail"),
    [
        ("GET", "/nowhere", b"", 404, "cannot find /api/auth/nowhere: there is no such path"),
        ("GET", "/login", b"", 405, "cannot GET /api/auth/login: the path has no such method"),
        ("POST", "/login", b"{", 422, "cannot read the request: body"),
        ("POST", "/login", b"[]", 422, "cannot read the request: body: "),
        ("POST", "/login", b'{"username": "a"}', 422, "cannot read the request: body.password: Field required"),
        ("POST", "/login", b'"' + b"x" * 70_000 + b'"', 413, "cannot read the request: its body is above the limit"),
    ],
)
def test_every_error_is_a_detail_that_says_what_to_do(service, method, path, content, status, detail) -> None:
    with service.client() as client:
        answer = client.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json().keys() == {"detail"}
    assert answer.json()["detail"].startswith(detail)
    assert len(answer.headers["x-trace-id"]) == 32


def test_a_big_body_without_a_length_is_refused_too(service) -> None:
    with service.client() as client:
        answer = client.post("/login", content=iter([b"x" * 1000] * 70))
    assert answer.status_code == 413


def test_an_answer_never_repeats_what_was_sent(service) -> None:
    with service.client() as client:
        answer = client.post("/login", json={"username": "ada", "password": {"nested": "hunter2"}})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


def test_the_server_does_not_name_itself(service) -> None:
    with service.client() as client:
        assert "server" not in client.get("/nowhere").headers

import pytest


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "{own}"},
    ],
)
def test_a_form_from_another_site_is_refused(ada, apis, frontend, alert, headers):
    sent = {name: value.format(own=frontend.url) for name, value in headers.items()}
    page = ada.post("/targets", data={"name": "x", "kind": "tcp", "address": "a:1"}, headers=sent)
    assert page.status_code == 403
    assert "another site" in alert(page)
    assert apis.nouns["targets"] == []


@pytest.mark.parametrize(
    "headers", [{"Origin": "{own}"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}]
)
def test_a_form_of_this_site_is_accepted(ada, apis, frontend, headers):
    sent = {name: value.format(own=frontend.url) for name, value in headers.items()}
    page = ada.post("/targets", data={"name": "x", "kind": "tcp", "address": "a:1"}, headers=sent)
    assert page.status_code == 303
    assert len(apis.nouns["targets"]) == 1


@pytest.mark.parametrize(
    "path",
    ["/login", "/logout", "/account", "/targets/1/delete", "/jobs/1/runs", "/jobs/1/schedules", "/users/1/delete"],
)
def test_every_form_is_guarded(ada, apis, path):
    before = len(apis.sessions)
    assert ada.post(path, headers={"Origin": "http://evil.example"}).status_code == 403
    assert len(apis.sessions) == before
    assert [method for method, path, _, _ in apis.seen if method != "GET"] == ["POST"]


def test_a_form_that_is_too_large_or_wild_is_refused(ada, alert):
    page = ada.post("/targets", content=b"name=" + b"x" * 300_000)
    assert page.status_code == 413
    assert "MAX_FORM_BYTES" in alert(page)
    many = ada.post("/targets", content=b"&".join(b"a%d=1" % n for n in range(600)))
    assert many.status_code == 422
    assert ada.post("/targets", content=b"name=\xff").status_code == 422

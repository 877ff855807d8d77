import re

import httpx
import pytest


def test_without_a_session_a_page_leads_to_the_login_and_back(browser, apis):
    answer = browser.get("/runs?status=failed")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=%2Fruns%3Fstatus%3Dfailed")
    assert 'name="next" value="/runs?status=failed"' in browser.get(answer.headers["Location"]).text
    arrived = browser.log_in(next="/runs?status=failed")
    assert arrived.url.path == "/runs"
    assert apis.seen[-2][:2] == ("GET", "/api/runs")


def test_tokens_are_kept_from_scripts_and_other_sites(browser):
    answer = browser.post("/login", data={"username": "ada", "password": "right"})
    cookies = answer.headers.get_list("Set-Cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
    behind_tls = browser.post(
        "/login", data={"username": "ada", "password": "right"}, headers={"X-Forwarded-Proto": "https"}
    )
    assert all("Secure" in cookie.split("; ") for cookie in behind_tls.headers.get_list("Set-Cookie"))


@pytest.mark.parametrize(
    ("username", "status", "words"),
    [
        ("ada", 401, "user name or the password is wrong"),
        ("locked", 423, "locked after too many failed logins. Try again in 14 min"),
    ],
)
def test_a_refused_login_says_why(browser, alert, username, status, words):
    answer = browser.log_in(username, "wrong")
    assert answer.status_code == status
    assert words in alert(answer)
    assert f'value="{username}"' in answer.text
    assert "wrong" not in re.sub(r'role="alert".*', "", answer.text)
    assert not browser.cookies


@pytest.mark.parametrize(
    "place", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_login_leads_only_to_this_site(browser, place):
    answer = browser.post("/login", data={"username": "ada", "password": "right", "next": place})
    assert answer.headers["Location"] == "/"


def test_logout_ends_the_session(ada, apis):
    assert ada.submit("/logout").url.path == "/login"
    assert not ada.cookies
    assert not apis.sessions
    assert ada.get("/").status_code == 303


def test_logout_works_while_auth_is_away(ada, apis):
    apis.broken["api/auth"] = 503
    assert ada.submit("/logout").status_code == 200
    assert not ada.cookies


def test_an_expired_access_token_is_renewed_once(ada, apis):
    before = dict(ada.cookies)
    apis.expire_access()
    assert ada.get("/").status_code == 200
    assert dict(ada.cookies).keys() == before.keys()
    assert all(ada.cookies[name] != value for name, value in before.items())
    assert apis.renewals == 1
    assert ada.get("/targets").status_code == 200
    assert apis.renewals == 1


def test_an_access_cookie_that_is_gone_is_renewed(ada, apis):
    ada.cookies.delete("opsconductor_access")
    assert ada.get("/").status_code == 200
    assert apis.renewals == 1


async def test_requests_at_the_same_time_share_one_renewal(ada, apis, frontend):
    import asyncio

    apis.expire_access()
    apis.delay_s = 0.1
    async with httpx.AsyncClient(base_url=frontend.url, cookies=dict(ada.cookies), timeout=20) as client:
        answers = await asyncio.gather(*(client.get(path) for path in ("/targets", "/jobs", "/runs", "/account")))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert apis.renewals == 1


def test_a_session_that_cannot_be_renewed_leads_to_the_login(ada, apis):
    apis.expire_access()
    apis.refreshes.clear()
    answer = ada.get("/targets")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=%2Ftargets")
    assert not ada.cookies


def test_a_refused_password_change_says_why(ada, alert):
    assert "differ" in alert(ada.submit("/account", current="right", new="a", again="b"))
    assert "wrong password" in alert(ada.submit("/account", current="no", new="a", again="a"))
    changed = ada.submit("/account", current="right", new=" spaced ", again=" spaced ")
    assert "The password was changed." in changed.text
    assert ada.log_in(password=" spaced ").status_code == 200


def test_the_users_address_reaches_auth(browser, apis):
    browser.post("/login", data={"username": "a", "password": "b"}, headers={"X-Forwarded-For": "203.0.113.9"})
    assert apis.seen[-1][2]["x-forwarded-for"] == "203.0.113.9"

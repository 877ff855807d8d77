"""The dashboards role as a process: log in and out, restarts, bad starts, what it serves."""

import http.client
import json
import os
import re
import subprocess
import sys

import httpx
import pytest

COOKIE = "opsconductor_dashboards"


def test_nothing_is_shown_before_the_log_in(anybody):
    for path in (
        "/api/user",
        "/api/datasources",
        "/api/search",
        "/api/dashboards/uid/one",
        "/api/datasources/proxy/uid/store/x",
    ):
        answer = anybody.get(path)
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized: log in first"}), path
    assert anybody.get("/api/health").json() == {"database": "ok"}


def test_logging_in_with_json_or_a_form_sets_a_cookie_that_scripts_cannot_read(shared, anybody):
    fields = {"user": "admin", "password": shared.password}
    for content in ({"json": fields}, {"data": fields}):
        answer = anybody.post("/login", **content)
        assert answer.status_code == 200
        cookie = answer.headers["Set-Cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "secure" not in cookie
    assert anybody.get("/api/user").json()["login"] == "admin"
    behind_tls = anybody.post("/login", json=fields, headers={"X-Forwarded-Proto": "https"})
    assert "secure" in behind_tls.headers["Set-Cookie"].lower()


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"user": "admin", "password": "wrong"}', "application/json", 401),
        (b"user=admin&password=wrong", "application/x-www-form-urlencoded", 401),
        (b'{"user": "\\ud800", "password": "\\ud800"}', "application/json", 401),
        (b"[]", "application/json", 400),
        (b'{"user": 1, "password": 2}', "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff=\xff", "application/x-www-form-urlencoded", 400),
        (b"x" * 70_000, "application/json", 413),
    ],
)
def test_what_is_no_log_in_is_refused(anybody, content, kind, status):
    headers = {"Content-Type": kind, "X-Forwarded-For": "198.51.100.1"}
    answer = anybody.post("/login", content=content, headers=headers)
    assert answer.status_code == status
    assert "Set-Cookie" not in answer.headers


def test_ten_failures_throttle_an_address_and_no_other(shared, anybody):
    def try_to_log_in(address, password="wrong"):
        body = {"user": "admin", "password": password}
        return anybody.post("/login", json=body, headers={"X-Forwarded-For": address})

    assert [try_to_log_in("203.0.113.1").status_code for _ in range(10)] == [401] * 10
    limited = try_to_log_in("203.0.113.1", shared.password)
    assert limited.status_code == 429
    assert limited.headers["Retry-After"] == "60"
    assert try_to_log_in("203.0.113.2", shared.password).status_code == 200
    assert any(line["message"] == "login refused" for line in shared.lines())
    assert 'logins_total{result="limited"} 1' in anybody.get("/metrics").text


def test_a_changed_cookie_is_refused(admin):
    value = admin.cookies[COOKIE]
    for other in (value[:-1] + ("0" if value[-1] != "0" else "1"), "9" + value, value.rpartition(".")[0], "x"):
        answer = httpx.get(f"{admin.base_url}/api/user", headers={"Cookie": f"{COOKIE}={other}"}, trust_env=False)
        assert answer.status_code == 401, other


def test_logging_out_ends_the_session_itself(admin):
    cookie = f"{COOKIE}={admin.cookies[COOKIE]}"
    assert admin.post("/logout").status_code == 200
    assert COOKIE not in admin.cookies
    assert admin.get("/api/user", headers={"Cookie": cookie}).status_code == 401


def test_another_site_can_change_nothing(admin, shared):
    for path in ("/login", "/logout", "/api/datasources/proxy/uid/store/x"):
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
            answer = admin.post(path, content=b"{}", headers={"Origin": origin})
            assert answer.status_code == 403, (path, origin)
    assert admin.get("/api/user").status_code == 200
    own = admin.post("/api/datasources/proxy/uid/store/x", content=b"{}", headers={"Origin": shared.url})
    assert own.status_code == 200


def test_a_session_survives_a_restart_and_ends_with_the_password(make_dashboards):
    dashboards = make_dashboards()
    with dashboards.open_client() as client, dashboards.open_client() as gone:
        dashboards.log_in(client)
        dashboards.log_in(gone)
        left = f"{COOKIE}={gone.cookies[COOKIE]}"
        gone.post("/logout")
        dashboards.role.kill()
        dashboards.start()
        assert client.get("/api/user").status_code == 200
        assert gone.get("/api/user", headers={"Cookie": left}).status_code == 401
        assert dashboards.role.stop() == 0
        (dashboards.folder / "data/admin-password").write_text("another")
        dashboards.start()
        assert client.get("/api/user").status_code == 401
        dashboards.log_in(client)


def test_the_password_file_of_the_environment_is_made(make_dashboards, tmp_path):
    dashboards = make_dashboards()
    dashboards.role.stop()
    file = tmp_path / "secrets/password"
    dashboards.role.start(environment={"GF_SECURITY_ADMIN_PASSWORD__FILE": str(file)})
    assert file.stat().st_mode & 0o777 == 0o600
    with dashboards.open_client() as client:
        answer = client.post("/login", json={"user": "admin", "password": file.read_text().strip()})
        assert answer.status_code == 200


def test_data_sources_and_dashboards_are_listed(admin):
    sources = {one["uid"]: one for one in admin.get("/api/datasources").json()}
    assert set(sources) == {"store", "based", "dead", "guarded"}
    assert sources["store"] == {
        "uid": "store",
        "name": "The store",
        "type": "loki",
        "url": "/api/datasources/proxy/uid/store",
        "isDefault": False,
        "jsonData": {"note": "$x"},
    }
    assert "pa%3Ass" not in json.dumps(sources)
    (found,) = admin.get("/api/search?query=PLATFORM").json()
    assert (found["uid"], found["url"], found["folderTitle"]) == ("one", "/d/one", "Shipped")
    assert admin.get("/api/search?query=nothing").json() == []
    shown = admin.get("/api/dashboards/uid/one").json()
    assert shown["dashboard"]["title"] == "The platform"
    assert shown["meta"]["canSave"] is False
    assert admin.get("/api/dashboards/uid/none").status_code == 404
    assert admin.get("/api/nothing").status_code == 404


def test_files_of_the_ui_and_its_one_page(anybody):
    assert anybody.get("/").headers["Location"] == "/incident"
    for path in ("/incident", "/explore/logs", "/trace/0af7", "/d/one", "/login", "/%00", f"/{'x' * 5000}"):
        answer = anybody.get(path)
        assert (answer.status_code, answer.text) == (200, "<!doctype html>the UI"), path
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-cache"
    script = anybody.get("/assets/app.js")
    assert script.text == "run()"
    assert "immutable" in script.headers["Cache-Control"]
    assert anybody.get("/assets/none.js").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/../../secret.txt",
        "//etc/hostname",
        "/%2fetc/hostname",
        "/assets/%5c..%5c..%5csecret.txt",
    ],
)
def test_no_path_leaves_the_folder_of_the_ui(shared, path):
    connection = http.client.HTTPConnection("127.0.0.1", shared.role.port, timeout=20)
    connection.request("GET", path)  # as it is written: httpx would tidy it
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert body in (b"<!doctype html>the UI", b"Not found\n")


def test_every_answer_carries_the_headers_that_guard_it(anybody):
    for path in ("/api/user", "/ready", "/metrics", "/api/nothing"):
        answer = anybody.get(path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Trace-Id"]


def test_what_was_left_out_is_said_at_the_start(shared):
    reasons = [line["reason"] for line in shared.lines() if line["message"] == "provisioning ignored"]
    assert len(reasons) == 1
    assert "broken.json" in reasons[0]


def run_role(*words, environment=None):
    command = [sys.executable, "-m", "opsconductor.cli.main", "run", "dashboards", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("datasources/all.yml", "datasources: [", r"read YAML: .*all\.yml:1"),
        ("datasources/all.yml", "datasources:\n- {name: x}", r"a data source needs `type` \(.*all\.yml:2\)"),
        ("dashboards/all.yml", "providers: [{name: x}]", r"needs `options: .*all\.yml:1"),
    ],
)
def test_bad_provisioning_is_one_line_and_status_2(tmp_path, provisioning_writer, file, text, message):
    folder = provisioning_writer(tmp_path / "p", {})
    (folder / file).write_text(text)
    check_refused(run_role("--config", folder, "--data", tmp_path / "data", "--listen", "127.0.0.1:0"), message)


def check_refused(done, message):
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert re.match(rf"opsconductor: cannot .*{message}", done.stderr), done.stderr


def test_a_missing_folder_a_bad_setting_and_a_taken_port_are_said(tmp_path, provisioning_writer, shared):
    check_refused(run_role("--config", tmp_path / "none"), "none is no folder; pass it with --config DIR")
    folder = provisioning_writer(tmp_path / "p", {})
    (tmp_path / "a file").write_text("")
    check_refused(run_role("--config", folder, "--data", tmp_path / "a file/below"), "a file")
    words = ("--config", folder, "--data", tmp_path / "data", "--listen")
    check_refused(run_role(*words, f"127.0.0.1:{shared.role.port}"), "the port is in use")
    environment = {**os.environ, "GF_DATAPROXY_TIMEOUT": "soon"}
    check_refused(run_role(*words, "127.0.0.1:0", environment=environment), 'GF_DATAPROXY_TIMEOUT="soon"')

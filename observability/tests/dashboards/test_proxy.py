"""Requests through the role to a store, over HTTP."""

import http.client
import socket

import httpx
import pytest

from opsconductor.dashboards.proxy import split_credentials

PREFIX = "/api/datasources/proxy/uid"


def get_header(seen, name):
    return {key.lower(): value for key, value in seen["headers"].items()}.get(name)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_request_arrives_as_it_was_sent(admin, method):
    content = b"" if method == "GET" else b"query=up"
    path = "/loki/api/v1/label/a%2Fb/values?query=%7Ba%3D%22b%22%7D&x=%20"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    seen = admin.request(method, f"{PREFIX}/store{path}", content=content, headers=kind).json()
    assert (seen["method"], seen["path"], seen["body"]) == (method, path, content.decode())
    assert get_header(seen, "content-type") == kind["Content-Type"]
    assert get_header(seen, "host") == "store:3100"


def test_a_data_sources_own_path_comes_first(admin):
    assert admin.get(f"{PREFIX}/based/api/v1/query").json()["path"] == "/base/api/v1/query"
    assert admin.get(f"{PREFIX}/based/").json()["path"] == "/base/"


def test_the_trace_goes_on(admin):
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    traceparent = f"00-{trace_id}-b7ad6b7169203331-01"
    seen = admin.get(f"{PREFIX}/store/x", headers={"traceparent": traceparent}).json()
    assert get_header(seen, "traceparent").split("-")[1] == trace_id


def test_cookies_and_credentials_of_the_browser_stay_here(admin):
    sent = {"Authorization": "Bearer secret", "X-Forwarded-For": "1.2.3.4", "X-Scope-OrgID": "one", "X-Other": "x"}
    seen = admin.get(f"{PREFIX}/store/x", headers=sent).json()
    for name in ("cookie", "authorization", "x-forwarded-for", "x-other"):
        assert get_header(seen, name) is None, name
    assert get_header(seen, "x-scope-orgid") == "one"


def test_credentials_of_the_data_source_go_to_it_alone(admin, store):
    seen = admin.get(f"{PREFIX}/guarded/x").json()
    assert get_header(seen, "authorization") == "Basic c29tZW9uZTpwYTpzcw=="
    assert seen["path"] == "/x"
    assert split_credentials("http://a:1/b") == ("http://a:1/b", None)


def test_headers_of_the_store_stay_there_and_its_pages_are_boxed_in(admin):
    answer = admin.get(f"{PREFIX}/store/page")
    assert answer.text == "<script>1</script>"
    for name in ("Set-Cookie", "X-Secret", "Server"):
        assert name not in answer.headers
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"].startswith("text/html")
    assert get_header(admin.get(f"{PREFIX}/store/x").json(), "cookie") is None, "a store's cookie came back"


def test_answers_of_the_store_keep_their_status_and_redirects_are_not_followed(admin):
    refused = admin.get(f"{PREFIX}/store/refused")
    assert (refused.status_code, refused.json()) == (400, {"error": "bad query"})
    moved = admin.get(f"{PREFIX}/store/moved")
    assert moved.status_code == 302
    assert "Location" not in moved.headers


def test_a_compressed_answer_is_passed_on_compressed(admin):
    with admin.stream("GET", f"{PREFIX}/store/gzip", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(b"".join(answer.iter_raw())) < 500
    assert admin.get(f"{PREFIX}/store/gzip").text == "x" * 5000
    plain = admin.get(f"{PREFIX}/store/x", headers={"Accept-Encoding": "identity"}).json()
    assert get_header(plain, "accept-encoding") == "identity"


def test_parts_of_an_answer_arrive_as_they_are_written(admin, store):
    store.go_on.clear()
    with admin.stream("GET", f"{PREFIX}/store/parts", headers={"Accept-Encoding": "identity"}) as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"first"
        store.go_on.set()
        assert b"".join(parts) == b"second"


def test_an_answer_that_breaks_off_is_not_taken_for_whole(admin):
    with pytest.raises(httpx.RemoteProtocolError):
        admin.get(f"{PREFIX}/store/cut")


def test_a_store_that_is_away_is_502_and_a_slow_one_504(admin):
    away = admin.get(f"{PREFIX}/dead/x")
    assert away.status_code == 502
    assert away.json()["message"].startswith("cannot ask The dead: ")
    slow = admin.get(f"{PREFIX}/store/hang")
    assert (slow.status_code, slow.json()) == (504, {"message": "cannot ask The store: it did not answer within 1 s"})
    metrics = admin.get("/metrics").text
    assert 'proxied_requests_total{source="dead",status="502"}' in metrics
    assert 'proxied_requests_total{source="store",status="504"}' in metrics


def test_a_client_that_leaves_takes_its_query_along(make_dashboards, store):
    names = {"store:3100": f"127.0.0.1:{store.server_port}"}
    dashboards = make_dashboards({"store": ("loki", "http://store:3100")}, names)
    dashboards.role.stop()
    dashboards.environment["GF_DATAPROXY_TIMEOUT"] = "60"
    dashboards.start()
    store.hanging.clear()
    store.left.clear()
    with dashboards.open_client() as client:
        dashboards.log_in(client)
        cookie = f"opsconductor_dashboards={client.cookies['opsconductor_dashboards']}"
    with socket.create_connection(("127.0.0.1", dashboards.role.port), timeout=20) as connection:
        request = f"GET {PREFIX}/store/hang HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n"
        connection.sendall(request.encode())
        assert store.hanging.wait(20)
        assert not store.left.is_set()
    assert store.left.wait(20)


def test_an_unknown_data_source_is_404_and_a_large_body_413(admin):
    assert admin.get(f"{PREFIX}/none/x").status_code == 404
    assert admin.get(f"{PREFIX}/store").status_code == 404
    assert admin.post(f"{PREFIX}/store/x", content=b"x" * (5 << 20)).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        f"{PREFIX}/based/../admin",
        f"{PREFIX}/based/%2e%2e/admin",
        f"{PREFIX}/based/a/%2E%2e/%2e./admin",
        f"{PREFIX}/based/a%2f..%2f..%2fadmin",
        f"{PREFIX}/based/a%5c..%5cadmin",
        f"{PREFIX}/based/./x",
        "/api/datasources/proxy/uid%2Fstore/x/y",
    ],
)
def test_no_path_leaves_the_data_source(shared, admin, path):
    status, body = ask(shared, admin, path)
    assert status == 400
    assert b"cannot" in body


@pytest.mark.parametrize(
    ("path", "arrives"),
    [
        (f"{PREFIX}/store/http://elsewhere.example/x", "/http://elsewhere.example/x"),
        (f"{PREFIX}/store//elsewhere.example/x", "/elsewhere.example/x"),  # the store's server joins slashes
        (f"{PREFIX}/store/@elsewhere.example/x", "/@elsewhere.example/x"),
        (f"{PREFIX}/store/a%3Fb%23c", "/a%3Fb%23c"),
        (f"{PREFIX}/store/..a/b..", "/..a/b.."),
        (f"http://elsewhere.example{PREFIX}/store/x", "/x"),
    ],
)
def test_no_path_names_another_host(shared, admin, path, arrives):
    status, body = ask(shared, admin, path)
    assert status == 200
    assert f'"path": "{arrives}"'.encode() in body
    assert b'"Host": "store:3100"' in body or b'"host": "store:3100"' in body


def ask(shared, admin, path):
    """A request line as it is written: httpx would tidy it."""
    connection = http.client.HTTPConnection("127.0.0.1", shared.role.port, timeout=20)
    cookie = f"opsconductor_dashboards={admin.cookies['opsconductor_dashboards']}"
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    status, body = answer.status, answer.read()
    connection.close()
    return status, body

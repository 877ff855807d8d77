"""What all pages share: services that are away, traces, headers, a clean stop."""

import re
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("broken", ["api/auth", "api/runs"])
def test_a_service_that_fails_is_said_in_words(ada, apis, alert, broken):
    apis.broken[broken] = 500
    page = ada.get("/runs")
    assert page.status_code == 503
    assert alert(page).startswith("cannot reach ")
    assert "it answered 500" in alert(page)
    assert ada.cookies, "a failing service must not log anybody out"


def test_a_slow_service_is_waited_for_within_a_bound(ada, apis, alert):
    apis.delay_s = 8
    started = time.monotonic()
    page = ada.get("/")
    assert page.status_code == 503
    assert "does not answer in time" in alert(page)
    assert time.monotonic() - started < 6


def test_dead_services_are_said_in_words(frontend, apis, tmp_path, alert):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        alone = type(frontend)(tmp_path, {"auth:8001": address, "backend:8000": address})
        try:
            page = httpx.post(f"{alone.url}/login", data={"username": "ada", "password": "right"})
            assert page.status_code == 503
            assert "cannot reach auth" in alert(page)
            assert "Traceback" not in page.text
            ready = httpx.get(f"{alone.url}/ready")
            assert ready.status_code == 503
            assert set(ready.json()["missing"]) == {"auth", "backend"}
            assert httpx.get(f"{alone.url}/health").status_code == 200
        finally:
            assert alone.stop() == 0


def test_an_answer_that_is_no_json_is_not_shown(ada, apis, alert):
    apis.broken["api/runs"] = 200
    page = ada.get("/")
    assert page.status_code == 503
    assert "its answer is not JSON" in alert(page)


def test_an_answer_that_lacks_something_is_an_error_page(ada, apis, alert):
    apis.nouns["runs"] = [{"id": 1, "job_id": 1}]
    page = ada.get("/runs/1")
    assert page.status_code == 500
    assert "something unexpected happened" in alert(page)
    assert "KeyError" not in page.text


def test_one_trace_id_goes_through(ada, apis, frontend):
    page = ada.get("/targets", headers={"traceparent": TRACEPARENT})
    trace_id = TRACEPARENT[3:35]
    assert page.headers["X-Trace-Id"] == trace_id
    assert f'<code class="copy">{trace_id}</code>' in page.text
    passed = [headers["traceparent"] for _, _, headers, _ in apis.seen[-2:]]
    assert [value[3:35] for value in passed] == [trace_id, trace_id]
    deadline = time.monotonic() + 5
    while not any(line.get("trace_id") == trace_id for line in frontend.lines()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    line = next(line for line in frontend.lines() if line.get("trace_id") == trace_id)
    assert (line["service"], line["message"], line["http.route"]) == ("frontend", "request", "/targets")


def test_tokens_and_passwords_are_not_logged(ada, frontend):
    ada.log_in(password="wrong-secret")
    ada.get("/")
    time.sleep(0.2)
    text = frontend.output.read_text()
    assert text
    for secret in ("wrong-secret", *ada.cookies.values()):
        assert secret not in text


def test_pages_carry_their_headers(browser):
    page = browser.get("/login")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    assert "Server" not in page.headers
    style = browser.get("/static/style.css")
    assert style.headers["Content-Type"].startswith("text/css")
    assert style.headers["Cache-Control"] == "max-age=86400"


def test_a_page_that_is_not_there(browser, alert):
    page = browser.get("/nothing/here")
    assert page.status_code == 404
    assert "there is no such page" in alert(page)


def test_every_field_has_a_label(ada):
    for path in ("/targets", "/jobs/new", "/runs", "/users", "/account"):
        text = ada.get(path).text
        fields = re.findall(r"<(?:input|select)\b(?![^>]*type=\"hidden\")[^>]*>", text)
        labelled = "".join(re.findall(r"<label\b.*?</label>", text, re.DOTALL))
        assert fields
        assert [field for field in fields if field not in labelled] == []


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LISTEN": "nowhere"}, "cannot use LISTEN='nowhere': expected host:port"),
        ({"OPSCONDUCTOR_ADDRESSES": "[]"}, "cannot read OPSCONDUCTOR_ADDRESSES"),
    ],
)
def test_a_bad_setting_is_named(environment, words):
    done = run_frontend(environment)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_occupied_port_ends_the_process(frontend):
    done = run_frontend({"LISTEN": f"127.0.0.1:{frontend.port}"})
    assert done.returncode not in {0, 2}
    assert "address already in use" in done.stdout


def run_frontend(environment):
    command = [sys.executable, "-m", "frontend_service"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_sigterm_lets_a_running_request_finish(frontend, apis, tmp_path, shared_apis):
    address = f"127.0.0.1:{shared_apis[1]}"
    other = type(frontend)(tmp_path, {"auth:8001": address, "backend:8000": address})
    apis.delay_s = 1.0
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{other.url}/login", data={"username": "ada", "password": "right"}))
    )
    thread.start()
    while not apis.seen:
        time.sleep(0.01)
    assert other.stop() == 0
    thread.join(timeout=10)
    assert [answer.status_code for answer in answers] == [303]

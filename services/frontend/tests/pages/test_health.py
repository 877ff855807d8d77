import httpx


def test_health_and_ready(frontend):
    assert httpx.get(f"{frontend.url}/health").json() == {"status": "ok"}
    ready = httpx.get(f"{frontend.url}/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok"})


def test_a_service_that_is_away_makes_it_unready_and_no_error_in_the_log(frontend_class, shared_apis, tmp_path):
    address = f"127.0.0.1:{shared_apis[1]}"
    frontend = frontend_class(tmp_path, {"auth:8001": "127.0.0.1:1", "backend:8000": address})
    ready = httpx.get(f"{frontend.url}/ready")
    assert ready.status_code == 503
    assert list(ready.json()["missing"]) == ["auth"]
    assert frontend.stop() == 0
    assert {line["level"] for line in frontend.lines() if line["message"] == "request"} == {"warning"}
    assert "error" not in {line["level"] for line in frontend.lines()}


def test_metrics_are_served_without_a_session(frontend):
    httpx.get(f"{frontend.url}/login")
    lines = httpx.get(f"{frontend.url}/metrics").text.splitlines()
    labels = 'http_request_method="GET",http_route="/login",http_response_status_code="200"'
    assert any(line.startswith(f"http_server_request_duration_seconds_count{{{labels}}} ") for line in lines)

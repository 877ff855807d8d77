import httpx


def read(service) -> dict[str, float]:
    text = httpx.get(f"{service.url}/metrics").text
    return {
        name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    }


def count(metrics: dict[str, float], result: str) -> float:
    return metrics[f'auth_logins_total{{result="{result}"}}']


def test_logins_are_counted_by_what_came_of_them(service) -> None:
    before = read(service)
    service.log_in_administrator()
    for _ in range(10):
        service.log_in("mallory", "wrong")
    for _ in range(2):
        assert service.log_in("mallory", "wrong").status_code == 423
    after = read(service)
    counts = {
        name: count(after, name) - count(before, name) for name in ("succeeded", "refused", "locked", "limited")
    }
    assert counts == {"succeeded": 1, "refused": 10, "locked": 2, "limited": 0}


def test_open_sessions_are_shown(service) -> None:
    before = read(service)["auth_sessions_active"]
    token = service.log_in_administrator()["access_token"]
    assert read(service)["auth_sessions_active"] == before + 1
    with service.client(token) as client:
        client.post("/logout")
    assert read(service)["auth_sessions_active"] == before


def test_requests_and_database_calls_are_observed(service) -> None:
    service.log_in_administrator()
    metrics = read(service)
    labels = 'http_request_method="POST",http_route="/api/auth/login",http_response_status_code="200"'
    assert metrics[f"http_server_request_duration_seconds_count{{{labels}}}"] >= 1
    for system, operation in (("postgresql", "SELECT"), ("redis", "MULTI")):
        labels = f'db_system_name="{system}",db_operation_name="{operation}"'
        assert metrics[f"db_client_operation_duration_seconds_count{{{labels}}}"] >= 1


def test_an_exemplar_leads_to_the_requests_line(service) -> None:
    service.log_in_administrator()
    answer = httpx.get(f"{service.url}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    labelled = 'http_route="/api/auth/login",http_response_status_code="200",le='
    line = next(line for line in answer.text.splitlines() if labelled in line and " # {" in line)
    trace_id = line.partition('trace_id="')[2][:32]
    assert service.wait_for_line("request", trace_id=trace_id)["http.route"] == "/api/auth/login"

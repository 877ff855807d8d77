import httpx


def test_a_running_service_is_alive_and_ready(service) -> None:
    assert httpx.get(f"{service.url}/health").json() == {"status": "ok"}
    assert httpx.get(f"{service.url}/ready").json() == {"status": "ok"}


def test_good_probes_are_not_logged(service) -> None:
    httpx.get(f"{service.url}/health")
    with service.client() as client:
        trace_id = client.get("/nowhere").headers["x-trace-id"]
    service.wait_for_line("request", trace_id=trace_id)
    assert [line for line in service.lines() if line.get("url.path") == "/health"] == []

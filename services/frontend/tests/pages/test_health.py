import httpx


def test_health_and_ready(frontend):
    assert httpx.get(f"{frontend.url}/health").json() == {"status": "ok"}
    ready = httpx.get(f"{frontend.url}/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok"})

"""The journey of one request: from Nginx to the worker, and its lines found across the services by one trace id."""

import json
import re
import secrets

import httpx
from support.platform import Platform, wait_until

SERVICES_ON_THE_WAY = {"nginx", "auth", "backend", "worker"}


def create_and_run(client: httpx.Client, door: str) -> dict[str, str]:
    target = client.post(
        "/api/targets", json={"name": f"door {secrets.token_hex(4)}", "kind": "http", "address": door}
    )
    assert target.status_code == 201, target.text
    job = client.post(
        "/api/jobs",
        json={
            "name": f"look at the door {secrets.token_hex(4)}",
            "target_ids": [target.json()["id"]],
            "actions": [{"kind": "http", "method": "GET", "path": "/health", "expect_status": 200, "timeout_s": 5}],
        },
    )
    assert job.status_code == 201, job.text
    run = client.post(f"/api/jobs/{job.json()['id']}/runs")
    assert run.status_code == 202, run.text
    return {"run_id": str(run.json()["id"]), "trace_id": run.headers["X-Trace-Id"]}


def test_a_run_is_followed_across_the_services(platform: Platform) -> None:
    with platform.log_in() as client:
        run = create_and_run(client, platform.door)

        def find_services() -> bool:
            lines = platform.query(f'{{cluster="business"}} |= "{run["trace_id"]}"')
            return {labels["service"] for labels, _, _ in lines} >= SERVICES_ON_THE_WAY

        wait_until(find_services, 20, f"lines of {SERVICES_ON_THE_WAY} with trace {run['trace_id']}")
        done = wait_until(
            lambda: (answer := client.get(f"/api/runs/{run['run_id']}").json())["status"] == "succeeded" and answer,
            20,
            "the run's success",
        )
    assert [result["status"] for result in done["results"]] == ["succeeded"]
    assert done["trace_id"] == run["trace_id"]


def test_the_command_line_finds_the_same_lines(platform: Platform) -> None:
    with platform.log_in() as client:
        trace_id = create_and_run(client, platform.door)["trace_id"]
    selector = f'{{service=~".+"}} | json | trace_id="{trace_id}"'

    def ask() -> set[str]:
        done = platform.run("query", "logs", selector, "--output", "jsonl")
        return {json.loads(line)["labels"]["service"] for line in done.stdout.splitlines()}

    wait_until(lambda: ask() >= SERVICES_ON_THE_WAY, 30, f"the services of trace {trace_id} by `opsconductor query`")


def test_a_browser_session_is_followed_from_the_frontend(platform: Platform) -> None:
    with httpx.Client(base_url=platform.door, timeout=20, follow_redirects=True) as browser:
        page = browser.get("/login")
        token = re.search(r'name="csrf_token" value="([^"]*)"', page.text)
        form = {
            "username": "admin",
            "password": platform.password,
            **({"csrf_token": token.group(1)} if token else {}),
        }
        home = browser.post("/login", data=form, headers={"Origin": platform.door})
        assert home.status_code == 200, home.text
        page = browser.get("/jobs")
        assert "Platform self-check" in page.text
        trace_id = page.headers["X-Trace-Id"]
    wanted = {"nginx", "frontend", "auth", "backend"}

    def find_services() -> bool:
        return {
            labels["service"] for labels, _, _ in platform.query(f'{{cluster="business"}} |= "{trace_id}"')
        } >= wanted

    wait_until(find_services, 20, f"lines of {wanted} with trace {trace_id}")


def test_a_fresh_system_does_real_work_at_once(platform: Platform) -> None:
    with platform.log_in() as client:

        def find_run() -> dict[str, str] | None:
            runs = client.get("/api/runs", params={"limit": 50}).json()["items"]
            return next((run for run in runs if run["trigger"] == "schedule" and run["status"] == "succeeded"), None)

        run = wait_until(find_run, 90, "a successful run of the self-check")
    assert run["job_name"] == "Platform self-check"


def test_a_client_s_own_trace_is_kept(platform: Platform) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    with platform.log_in() as client:
        answer = client.get("/api/targets", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
    assert answer.headers["X-Trace-Id"] == trace_id

    def find_services() -> bool:
        return {labels["service"] for labels, _, _ in platform.query(f'{{service=~".+"}} |= "{trace_id}"')} >= {
            "nginx",
            "auth",
            "backend",
        }

    wait_until(find_services, 20, "the client's trace id in every service's line")

"""The pages over the real auth, backend and worker, with real PostgreSQL and Redis."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "tests"))

from support.platform import wait_until
from support.servers import find_free_port, start_postgres, start_redis
from support.spans import ReceivedSpan, SpanReceiver


@pytest.fixture(scope="module")
def receiver() -> Iterator[SpanReceiver]:
    with SpanReceiver() as running:
        yield running


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, receiver: SpanReceiver) -> Iterator[dict[str, str]]:
    """`addresses`: the table of names, as JSON; `password`: the administrator's."""
    folder = tmp_path_factory.mktemp("real")
    with ExitStack() as stack:
        servers = []
        for start, name in ((start_postgres, "postgres"), (start_redis, "redis")):
            home = folder / name
            home.mkdir()
            servers.append(start(home))
            stack.callback(servers[-1].stop)
        postgres, redis = servers
        addresses = {name: f"127.0.0.1:{find_free_port()}" for name in ("auth:8001", "backend:8000", "worker:8002")}
        shared = {
            "PATH": os.environ["PATH"],
            "DATABASE_PASSWORD_FILE": str(postgres.password_file),
            "REDIS_URL": redis.url,
            "REDIS_PASSWORD_FILE": str(redis.password_file),
            "OPSCONDUCTOR_ADDRESSES": json.dumps(addresses),
            "ADMINISTRATOR_PASSWORD_FILE": str(folder / "administrator"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        }
        databases = {name: postgres.create_database(name) for name in ("auth", "backend")}
        modules = (
            ("auth:8001", "auth_service"),
            ("backend:8000", "backend_service"),
            ("worker:8002", "backend_service.worker"),
        )
        for name, module in modules:
            environment = {**shared, "LISTEN": addresses[name], "DATABASE_URL": databases[module.split("_")[0]]}
            with (folder / module).open("w") as out:
                process = subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=out, stderr=out)
            stack.callback(process.wait, 15)
            stack.callback(process.kill)
        for name, module in modules:
            wait_until(lambda name=name: is_ready(addresses[name]), 60, (folder / module).read_text())
        yield {"addresses": json.dumps(addresses), "password": (folder / "administrator").read_text().strip()}


def is_ready(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def person(platform, receiver, tmp_path_factory, frontend_class, browser_class):
    """A browser with the administrator logged in."""
    frontend = frontend_class(
        tmp_path_factory.mktemp("frontend"),
        json.loads(platform["addresses"]),
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
    )
    try:
        assert httpx.get(f"{frontend.url}/ready").status_code == 200
        with browser_class(base_url=frontend.url, timeout=30) as client:
            assert client.log_in("admin", platform["password"]).url.path == "/"
            yield client
    finally:
        frontend.stop()


def test_a_fresh_system_has_targets_and_a_job(person):
    assert "http://nginx:8080" in person.get("/targets").text
    assert "Platform self-check" in person.get("/jobs").text


def test_a_job_is_created_run_and_its_results_and_trace_are_shown(person, alert):
    created = person.submit("/targets", name="auth itself", kind="http", address="http://auth:8001", labels="a=b")
    assert not alert(created)
    form = person.get("/jobs/new").text
    target = re.search(r'name="target" value="(\d+)"> auth itself', form)[1]
    job = person.submit(
        "/jobs",
        **{
            "name": "look",
            "target": target,
            "kind-1": "http",
            "path-1": "/health",
            "expect_status-1": "200",
            "kind-2": "command",
            "command-2": "echo 'hello <there>'",
        },
    )
    assert not alert(job)
    scheduled = person.submit(f"{job.url.path}/schedules", cron="0 5 * * *")
    assert not alert(scheduled)
    assert "0 5 * * *" in scheduled.text
    run = person.submit(f"{job.url.path}/runs")
    assert not alert(run)
    text = wait_until(lambda: read_finished(person, run.url.path), 30, "the run to finish")
    assert "status-succeeded" in text
    assert "hello &lt;there&gt;" in text
    assert re.search(r'id="trace-id">[0-9a-f]{32}<', text)
    assert "look #1" in person.get("/").text


def test_the_spans_of_one_run_form_one_tree_across_the_services(person, receiver):
    person.submit("/targets", name="auth again", kind="http", address="http://auth:8001", labels="")
    target = re.search(r'name="target" value="(\d+)"> auth again', person.get("/jobs/new").text)[1]
    job = person.submit("/jobs", **{"name": "traced", "target": target, "kind-1": "http", "path-1": "/health"})
    run = person.submit(f"{job.url.path}/runs")
    trace_id = re.search(r'id="trace-id">([0-9a-f]{32})<', run.text)[1]
    wait_until(lambda: read_finished(person, run.url.path), 30, "the run to finish")
    receiver.wait_for(trace_id=trace_id, name="process opsconductor:runs")
    wait_until(lambda: list_roots(receiver, trace_id) == [("frontend", "")], 15, "one tree without a gap")
    spans = {span.span_id: span for span in receiver.find(trace_id=trace_id)}
    paths = {describe_path(span, spans) for span in spans.values()}
    start = "frontend POST /jobs/{key}/runs > frontend POST > backend POST /api/jobs/{key}/runs"
    queued = f"{start} > backend send opsconductor:runs > worker process opsconductor:runs"
    wanted = {
        f"{start} > backend GET > auth GET /api/auth/session > auth HGETALL",
        f"{start} > backend INSERT runs",
        f"{start} > backend send opsconductor:runs > backend XADD",
        f"{queued} > worker UPDATE runs",
        f"{queued} > worker action http > worker GET > auth GET /health",
    }
    assert wanted <= paths, "\n".join(sorted(paths))
    assert not any(span.failed for span in spans.values())


def list_roots(receiver: SpanReceiver, trace_id: str) -> list[tuple[str, str]]:
    """Service and parent of the spans whose parent is not there."""
    spans = receiver.find(trace_id=trace_id)
    known = {span.span_id for span in spans}
    return [(span.service, span.parent_id) for span in spans if span.parent_id not in known]


def describe_path(span: ReceivedSpan, spans: dict[str, ReceivedSpan]) -> str:
    """The names from the root to the span."""
    own = f"{span.service} {span.name}"
    return f"{describe_path(spans[span.parent_id], spans)} > {own}" if span.parent_id in spans else own


def read_finished(person, path):
    text = person.get(path).text
    return text if 'http-equiv="refresh"' not in text else None


def test_refusals_of_the_real_services_are_shown(person, alert):
    assert "cannot" in alert(person.submit("/targets", name="x", kind="tcp", address="no port"))
    assert "cannot" in alert(person.submit("/users", username="otto", password="short", role="viewer"))
    assert "wrong" in alert(person.submit("/account", current="nonsense", new="long enough", again="long enough"))
    assert person.get("/runs/123456").status_code == 404


def test_a_viewer_may_only_look(person, browser_class, alert):
    assert not alert(person.submit("/users", username="vera", password="long enough", role="viewer"))
    with browser_class(base_url=person.base_url, timeout=30) as viewer:
        assert viewer.log_in("vera", "long enough").url.path == "/"
        refused = viewer.submit("/targets", name="x", kind="tcp", address="a:1")
        assert refused.status_code == 403
        assert "viewer" in alert(refused)
        assert viewer.get("/users").status_code == 403


def test_a_lost_access_token_is_renewed_and_logout_ends_the_session(person, browser_class, platform):
    with browser_class(base_url=person.base_url, timeout=30) as other:
        other.log_in("admin", platform["password"])
        other.cookies.set("opsconductor_access", "expired", domain="127.0.0.1")
        assert other.get("/jobs").status_code == 200
        refresh = other.cookies["opsconductor_refresh"]
        assert other.submit("/logout").url.path == "/login"
        other.cookies.set("opsconductor_refresh", refresh, domain="127.0.0.1")
        assert other.get("/jobs").status_code == 303


def test_users_of_different_addresses_do_not_share_a_rate_limit(platform, person):
    """Auth counts logins by address: it must be the browser's, not the frontend's. Nginx names it."""

    def try_to_log_in(address, name="nobody"):
        form = {"username": name, "password": "x"}
        return httpx.post(f"{person.base_url}/login", data=form, headers={"X-Forwarded-For": address}, timeout=30)

    statuses = [try_to_log_in("198.51.100.7", f"nobody-{number}").status_code for number in range(31)]
    assert statuses == [401] * 30 + [429]
    assert "from your address" in try_to_log_in("198.51.100.7").text
    assert try_to_log_in("203.0.113.9").status_code == 401

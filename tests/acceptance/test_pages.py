"""Every page in a real browser: one run of a job, followed from the business UI through all four signals."""

import os
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import httpx
import pytest
from browser.chromium import ARGUMENTS, AXE, MISSING, find_browser
from browser.tab import WAIT_MS, Tab
from playwright.sync_api import Browser, Locator, Page, StorageState, expect, sync_playwright
from support.platform import Platform, wait_until

COUNT = "sum by (service) (http_server_request_duration_seconds_count)"
BUCKETS = "sum by (service) (http_server_request_duration_seconds_bucket)"
ON_THE_WAY = ("frontend", "auth", "backend", "worker")

pytestmark = pytest.mark.timeout(180)
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = find_browser()
    missing = MISSING if found is None else None if AXE.is_file() else f"{AXE} is missing: run `make install`"
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing or found is None:
        pytest.skip(f"no browser: {missing}")
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(
            executable_path=found.path, args=ARGUMENTS, env=cast("dict[str, str | float | bool]", found.environment)
        )
        yield program
        program.close()


@pytest.fixture(scope="module")
def dashboards(platform: Platform) -> str:
    return f"http://127.0.0.1:{platform.port(3001)}"


def read_password(platform: Platform) -> str:
    return (platform.home / "secrets/dashboards-password").read_text().strip()


@pytest.fixture(scope="module")
def session(browser: Browser, platform: Platform, dashboards: str) -> StorageState:
    """The cookie of a logged-in user."""
    context = browser.new_context(base_url=dashboards)
    answer = context.request.post("/login", data={"user": "admin", "password": read_password(platform)})
    assert answer.ok, answer.text()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visitor(browser: Browser, dashboards: str, tmp_path: Path) -> Iterator[Tab]:
    """A tab of somebody who is not logged in."""
    tab = Tab(browser, tmp_path, dashboards)
    yield tab
    tab.close()
    assert tab.list_complaints() == []


@pytest.fixture
def tab(browser: Browser, dashboards: str, session: StorageState, tmp_path: Path) -> Iterator[Tab]:
    """A tab of a logged-in user of the dashboards."""
    tab = Tab(browser, tmp_path, dashboards, session)
    yield tab
    tab.close()
    assert tab.list_complaints() == []


@pytest.fixture
def page(tab: Tab) -> Page:
    return tab.page


@pytest.fixture(scope="module")
def trace_id(platform: Platform) -> str:
    """The trace of a run that was started in the business UI and has succeeded."""
    with httpx.Client(base_url=platform.door, timeout=20, headers={"Origin": platform.door}) as client:
        answer = client.post("/login", data={"username": "admin", "password": platform.password})
        assert answer.status_code == 303, answer.text
        job = re.search(r'action="(/jobs/[^"]+/runs)"', client.get("/jobs").text)
        assert job
        run = client.post(job.group(1)).headers["Location"]

        def find_trace() -> str | None:
            text = client.get(run).text
            found = re.search(r'id="trace-id">([0-9a-f]{32})<', text)
            return found.group(1) if found and "succeeded" in text else None

        return cast("str", wait_until(find_trace, 60, "the run's success"))


def ask(page: Page, label: str, query: str) -> None:
    """Write a query into the editor and run it."""
    editor = page.get_by_role("textbox", name=label)
    editor.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(query)
    expect(editor).to_have_text(query)
    page.keyboard.press("Enter")


def wait_for(page: Page, found: Locator) -> None:
    """Ask again until it is there: logs, spans and samples take their time to the store."""

    def refresh() -> bool:
        page.get_by_role("button", name="Refresh", exact=True).click()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        return found.first.is_visible()

    if not found.first.is_visible():
        wait_until(refresh, WAIT_MS / 1000, f"{found} at {page.url}")


def test_log_in_refuses_a_wrong_password_and_leads_home(platform: Platform, visitor: Tab) -> None:
    visitor.tolerated = ("status of 401",)
    page = visitor.page
    page.goto("/explore/logs")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.goto("/")
    page.get_by_label("User").fill("admin")
    page.get_by_label("Password").fill("wrong wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("Cannot log in")
    visitor.look("login")
    page.get_by_label("Password").fill(read_password(platform))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Incident", exact=True)).to_have_attribute("aria-current", "page")
    page.reload()
    expect(page.get_by_role("region", name="Warnings and errors")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_the_business_ui_runs_a_job_and_names_its_trace(browser: Browser, platform: Platform, tmp_path: Path) -> None:
    tab = Tab(browser, tmp_path, platform.door)
    page = tab.page
    page.goto("/")
    tab.look("business-login")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(platform.password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Jobs", exact=True).click()
    tab.look("business-jobs")
    page.get_by_role("row", name="Platform self-check").get_by_role("button").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Platform self-check")
    expect(page.get_by_role("table").get_by_text("succeeded").first).to_be_visible()
    expect(page.locator("dd").first).to_contain_text("succeeded")
    expect(page.locator("#trace-id")).to_have_text(re.compile("^[0-9a-f]{32}$"))
    tab.look("business-run")
    tab.close()
    assert tab.list_complaints() == []


def test_logs_are_found_by_trace_and_lead_to_it(tab: Tab, page: Page, trace_id: str) -> None:
    page.goto("/explore/logs")
    lines = page.get_by_role("grid", name="Log lines").get_by_role("row")
    expect(lines.first).to_be_visible()
    query = f'{{cluster="business"}} |= "{trace_id}"'
    ask(page, "LogQL query", query)
    for service in ("nginx", *ON_THE_WAY):
        wait_for(page, lines.filter(has=page.get_by_role("gridcell", name=service, exact=True)))
    found = lines.filter(has=page.get_by_role("gridcell", name="worker", exact=True)).first
    found.get_by_role("button", name="Fields").click()
    expect(page.get_by_role("table", name="Fields of the line").get_by_text(trace_id)).to_be_visible()
    tab.look("logs")
    found.get_by_role("link", name=f"Open trace {trace_id}").click()
    expect(page).to_have_url(re.compile(f"/trace/{trace_id}"))
    page.go_back()
    expect(page.get_by_role("textbox", name="LogQL query")).to_have_text(query)
    expect(lines.first).to_be_visible()


def test_the_live_tail_shows_a_line_as_it_is_written(tab: Tab, page: Page, platform: Platform) -> None:
    mark = secrets.token_hex(8)
    page.goto("/explore/logs")
    ask(page, "LogQL query", f'{{service="nginx"}} |= "{mark}"')
    page.get_by_role("button", name="Live tail").click()
    expect(page.get_by_text("Waiting for lines")).to_be_visible()
    line = page.get_by_role("grid", name="Log lines").get_by_role("row").filter(has_text=mark)

    def request() -> bool:
        httpx.get(f"{platform.door}/{mark}", timeout=20)  # again and again: the tail may not be open yet
        page.wait_for_timeout(300)
        return line.count() > 0

    wait_until(request, WAIT_MS / 1000, f"a live line with {mark}")
    tab.look("tail")
    page.get_by_role("button", name="Stop live tail").click()
    expect(line.first).to_be_visible()


def test_the_trace_shows_each_service_and_leads_to_its_logs(tab: Tab, page: Page, trace_id: str) -> None:
    page.goto(f"/trace/{trace_id}")
    spans = page.get_by_role("treegrid", name="Spans").get_by_role("row")
    for service in ON_THE_WAY:
        wait_for(page, page.get_by_role("main").get_by_text(re.compile(rf"^{service} \d+$")))
    expect(spans.filter(has_text="POST /jobs/{key}/runs").first).to_contain_text("frontend")
    expect(page.get_by_role("grid", name="Log lines of the trace").get_by_role("row").first).to_be_visible()
    tab.look("trace")
    worker = spans.filter(has_text=re.compile("^[▸▾]? ?worker"))
    spans.first.hover()

    def scroll() -> bool:  # only rows in sight are in the page
        page.mouse.wheel(0, 300)
        page.wait_for_timeout(50)
        return worker.first.is_visible()

    wait_until(scroll, WAIT_MS / 1000, "a span of the worker")
    worker.first.click()
    chosen = page.get_by_role("complementary", name="The chosen span")
    expect(chosen.get_by_role("row", name="service worker")).to_be_visible()
    tab.look("span")
    chosen.get_by_role("link", name="Logs of this span").click()
    expect(page).to_have_url(re.compile("/explore/logs"))
    lines = page.get_by_role("grid", name="Log lines").get_by_role("row")
    expect(lines.first).to_contain_text("worker")
    page.go_back()
    expect(chosen.get_by_role("row", name="service worker")).to_be_visible()


def test_traces_are_searched(tab: Tab, page: Page, trace_id: str) -> None:
    page.goto("/explore/traces?service=worker")
    links = page.get_by_role("grid", name="Traces").get_by_role("link")
    wait_for(page, page.locator(f'a[href*="{trace_id}"]'))
    tab.look("traces")
    page.get_by_label("Operation").select_option(index=1)
    expect(links.first).to_be_visible()
    page.get_by_label("Trace id").fill(trace_id)
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(f"/trace/{trace_id}"))


def test_metrics_are_charted_and_an_exemplar_leads_to_a_trace(tab: Tab, page: Page, trace_id: str) -> None:
    page.goto("/explore/metrics")
    ask(page, "PromQL query", COUNT)
    legend = page.get_by_role("figure").get_by_role("button")
    for service in ON_THE_WAY:
        wait_for(page, legend.filter(has_text=service))
    expect(page.locator(".plot canvas")).to_be_visible()
    tab.look("metrics")
    page.get_by_role("button", name="Table").click()
    expect(page.get_by_role("cell", name="backend", exact=True)).to_be_visible()
    tab.look("metrics-table")
    page.go_back()
    expect(page.get_by_role("button", name="Chart")).to_have_attribute("aria-pressed", "true")
    ask(page, "PromQL query", BUCKETS)
    summary = page.get_by_text("The greatest exemplars")
    wait_for(page, summary)
    summary.click()
    tab.look("exemplars")
    page.get_by_role("table").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile("/trace/[0-9a-f]{32}"))
    expect(page.get_by_role("treegrid", name="Spans").get_by_role("row").first).to_be_visible()


def test_an_alert_is_shown_and_silenced_from_its_row(tab: Tab, page: Page, platform: Platform) -> None:
    name = f"Test{secrets.token_hex(4)}"
    now = datetime.now(UTC)
    alert = {
        "labels": {"alertname": name, "service": "backend", "severity": "critical"},
        "annotations": {"summary": "a summary in words"},
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
    }
    httpx.post(f"http://127.0.0.1:{platform.port(9093)}/api/v2/alerts", json=[alert], timeout=20).raise_for_status()
    row = page.get_by_role("article", name=f"{name} backend")
    page.goto("/incident")
    wait_for(page, row)
    expect(page.get_by_role("heading", level=1)).to_contain_text("firing")
    expect(page.get_by_role("region", name="Slowest traces").get_by_role("row").first).to_be_visible()
    tab.look("incident")
    page.get_by_role("link", name="Alerts", exact=True).click()
    expect(row).to_contain_text("a summary in words")
    row.get_by_role("button", name="Silence").click()
    form = page.get_by_role("form", name="New silence")
    form.get_by_label("Why").fill("a test")
    tab.look("alerts")
    form.get_by_role("button", name="Silence").click()
    wait_for(page, row.get_by_text("silenced"))
    page.get_by_role("button", name="Silences").click()
    expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("active")
    tab.look("silences")
    page.get_by_role("button", name="Rules").click()
    expect(page.get_by_role("cell", name="FailedLoginBurst")).to_be_visible()
    tab.look("rules")
    page.get_by_role("link", name="Incident", exact=True).click()
    expect(page.get_by_role("link", name="silenced or inhibited")).to_be_visible()
    expect(row).to_have_count(0)


def test_the_provisioned_dashboard_draws_its_panels(tab: Tab, page: Page, trace_id: str) -> None:
    page.goto("/dashboards")
    page.get_by_role("link", name="Platform").click()
    expect(page).to_have_url(re.compile("/d/platform"))
    expect(page.get_by_role("region", name="Boxes up").locator("canvas, svg, b").first).to_be_visible()
    for title in ("Requests per second", "Slowest twentieth of requests"):
        wait_for(page, page.get_by_role("region", name=title).get_by_role("button", name="backend"))
    lines = page.get_by_role("region", name="Log lines by level")
    wait_for(page, lines.get_by_role("button", name="info"))
    expect(lines.locator("canvas")).to_be_visible()
    warnings = page.get_by_role("grid", name="Warnings and errors").get_by_role("row")
    wait_for(page, warnings)
    tab.look("dashboard")

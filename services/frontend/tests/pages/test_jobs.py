import pytest


@pytest.fixture
def job(ada, apis):
    apis.nouns["targets"] = [
        {"id": 1, "name": "web", "kind": "http", "address": "http://web", "labels": {}, "created_at": ""},
        {"id": 2, "name": "db", "kind": "tcp", "address": "db:5432", "labels": {}, "created_at": ""},
    ]
    page = ada.submit(
        "/jobs",
        **{
            "name": "check",
            "description": "every morning",
            "target": ["1", "2"],
            "kind-1": "http",
            "method-1": "GET",
            "path-1": "/health",
            "expect_status-1": "204",
            "timeout_s-1": "2.5",
            "kind-3": "command",
            "command-3": "ping -c 1 'a b'",
            "kind-4": "tcp",
        },
    )
    assert page.url.path == "/jobs/1"
    return apis.nouns["jobs"][0]


def test_a_job_is_created_from_its_rows(job):
    assert job["target_ids"] == [1, 2]
    assert job["actions"] == [
        {"kind": "http", "method": "GET", "path": "/health", "expect_status": 204, "timeout_s": 2.5},
        {"kind": "command", "argv": ["ping", "-c", "1", "a b"]},
        {"kind": "tcp"},
    ]


def test_a_jobs_page_shows_it(ada, job):
    page = ada.get("/jobs/1").text
    for words in ("every morning", "HTTP GET <code>/health</code>", "ping -c 1 a b", "<li>web</li>", "<li>db</li>"):
        assert words in page
    assert "check" in ada.get("/jobs").text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "at least one action"),
        ({"kind-1": "http", "expect_status-1": "okay"}, "Action 1: expected status must be a whole number"),
        ({"kind-2": "command"}, "Action 2: a command is missing"),
        ({"kind-2": "command", "command-2": "echo 'open"}, "Action 2: the command cannot be split"),
        ({"kind-1": "tcp", "timeout_s-1": "soon"}, "Action 1: time limit must be a number"),
        ({"kind-1": "magic"}, "there is no kind"),
    ],
)
def test_a_refused_job_says_which_row_and_keeps_what_was_typed(ada, apis, alert, fields, words):
    apis.nouns["targets"] = [{"id": 7, "name": "web", "kind": "tcp", "address": "a:1"}]
    page = ada.submit("/jobs", name="check", target="7", **fields)
    assert page.status_code == 422
    assert words in alert(page)
    assert 'name="name" value="check"' in page.text
    assert 'value="7" checked' in page.text
    assert apis.nouns["jobs"] == []


def test_run_now_leads_to_the_run(ada, apis, job):
    page = ada.submit("/jobs/1/runs")
    assert page.url.path == "/runs/1"
    assert "The run was queued." in page.text


def test_a_schedule_is_created_and_deleted(ada, apis, job, alert):
    assert "Give either" in alert(ada.submit("/jobs/1/schedules", cron="", interval_s=""))
    assert "Give either" in alert(ada.submit("/jobs/1/schedules", cron="* * * * *", interval_s="5"))
    assert "every 300 s" in ada.submit("/jobs/1/schedules", interval_s="300").text
    assert "<code>*/5 * * * *</code>" in ada.submit("/jobs/1/schedules", cron="*/5 * * * *").text
    assert [schedule["job_id"] for schedule in apis.nouns["schedules"]] == [1, 1]
    assert ada.submit("/jobs/1/schedules/1/delete").url.path == "/jobs/1"
    assert len(apis.nouns["schedules"]) == 1


def test_a_job_is_deleted(ada, apis, job):
    assert ada.submit("/jobs/1/delete").url.path == "/jobs"
    assert apis.nouns["jobs"] == []

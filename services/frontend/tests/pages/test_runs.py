import pytest

TRACE = "0af7651916cd43dd8448eb211c80319c"
JOB = {"id": 3, "name": "check"}
RESULTS = [
    {
        "target_id": 1,
        "target_name": "web",
        "action_index": 0,
        "action_kind": "command",
        "status": "failed",
        "detail": "exit code 2",
        "output": "<script>alert(1)</script>",
        "duration_ms": 1532,
    }
]


def test_a_run_shows_its_results_and_its_trace_id(ada, apis):
    apis.add_run(JOB, TRACE, status="failed", started_at="2026-03-04T05:06:08Z", results=RESULTS)
    page = ada.get("/runs/1").text
    assert f'<code class="copy" id="trace-id">{TRACE}</code>' in page
    for words in ("exit code 2", "1.5 s", "status-failed", "2026-03-04 05:06:08", "&lt;script&gt;"):
        assert words in page
    assert "<script" not in page


@pytest.mark.parametrize(("status", "again"), [("queued", True), ("running", True), ("succeeded", False)])
def test_only_an_unfinished_run_loads_itself_again(ada, apis, status, again):
    apis.add_run(JOB, TRACE, status=status)
    assert ('http-equiv="refresh"' in ada.get("/runs/1").text) is again


def test_the_list_passes_its_filter_on(ada, apis):
    apis.nouns["jobs"] = [{"id": 3, "name": "check", "actions": [], "target_ids": []}]
    for _ in range(60):
        apis.add_run(JOB, TRACE)
    page = ada.get("/runs?status=queued&job_id=3&offset=0").text
    assert "check #1" in page
    assert '<option value="3" selected>' in page
    assert "status=queued" in page[page.index('rel="next"') :]
    asked = [path for method, path, _, _ in apis.seen if method == "GET"]
    assert "/api/runs" in asked


def test_the_overview_shows_the_newest_runs(ada, apis):
    apis.add_run(JOB, TRACE)
    page = ada.get("/").text
    assert '<a href="/runs/1">check #1</a>' in page
    assert TRACE in page


def test_a_run_that_does_not_exist(ada, alert):
    for path, words in (("/runs/9", "cannot find run 9"), ("/runs/nine", "there is no such page")):
        page = ada.get(path)
        assert page.status_code == 404
        assert words in alert(page)

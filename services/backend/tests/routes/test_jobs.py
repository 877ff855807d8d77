"""/api/jobs over the API process."""

from backend_world import Api

ACTIONS = [
    {"kind": "http", "method": "GET", "path": "/health", "expect_status": 200, "timeout_s": 5},
    {"kind": "tcp", "timeout_s": 2.5},
    {"kind": "command", "argv": ["uptime"], "timeout_s": 60},
]


def test_a_job_lives_and_dies(api: Api) -> None:
    first, second = api.add_target(), api.add_target()
    body = {"name": "check", "description": "two", "target_ids": [second, first], "actions": ACTIONS}
    answer = api.operator.post("/api/jobs", json=body)
    assert answer.status_code == 201
    job = answer.json()
    assert job == {"id": job["id"], **body}
    url = f"/api/jobs/{job['id']}"
    for targets in ([first, second], [first], [], [second, first]):
        changed = {**body, "target_ids": targets, "actions": ACTIONS[:1]}
        assert api.operator.put(url, json=changed).json() == {"id": job["id"], **changed}
        assert api.viewer.get(url).json()["target_ids"] == targets
    assert api.operator.delete(url).status_code == 204
    assert api.viewer.get(url).status_code == 404


def test_defaults_are_filled_in(api: Api) -> None:
    job_id = api.add_job(actions=[{"kind": "http"}, {"kind": "tcp"}, {"kind": "command", "argv": ["x"]}])
    assert api.viewer.get(f"/api/jobs/{job_id}").json()["actions"] == [
        {"kind": "http", "method": "GET", "path": "/", "expect_status": 200, "timeout_s": 10},
        {"kind": "tcp", "timeout_s": 5},
        {"kind": "command", "argv": ["x"], "timeout_s": 60},
    ]


def test_bad_bodies_are_refused(api: Api) -> None:
    target = api.add_target()
    good = {"name": "bad", "target_ids": [target], "actions": ACTIONS}
    for change, part in (
        ({"actions": []}, "body.actions"),
        ({"actions": [{"kind": "ssh"}]}, "body.actions.0"),
        ({"actions": [{"kind": "tcp", "argv": ["x"]}]}, "body.actions.0.tcp.argv"),
        ({"actions": [{"kind": "command", "argv": "ls"}]}, "body.actions.0.command.argv"),
        ({"target_ids": [target, target]}, "must not name a target twice"),
        ({"target_ids": [target, 10**12]}, f"no targets with the ids [{10**12}]"),
    ):
        answer = api.operator.post("/api/jobs", json={**good, **change})
        assert answer.status_code == 422, change
        assert part in answer.json()["detail"]


def test_a_run_is_queued_under_the_requests_trace(api: Api) -> None:
    job_id = api.add_job(name="traced")
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    answer = api.operator.post(f"/api/jobs/{job_id}/runs", headers=headers)
    assert answer.status_code == 202
    assert answer.headers["X-Trace-Id"] == trace_id
    run = answer.json()
    assert answer.headers["Location"] == f"/api/runs/{run['id']}"
    assert run == {
        "id": run["id"],
        "job_id": job_id,
        "job_name": "traced",
        "number": 1,
        "status": "queued",
        "trigger": "manual",
        "created_at": run["created_at"],
        "started_at": None,
        "finished_at": None,
        "trace_id": trace_id,
    }
    for process, message in ((api.process, "run queued"), (api.process, "request"), (api.auth, "request")):
        process.wait_line(message, trace_id=trace_id)
    (line,) = [line for line in api.process.lines("run queued") if line["run_id"] == run["id"]]
    assert (line["job"], line["user.name"]) == ("traced", "operator")


def test_runs_need_a_job_and_targets(api: Api) -> None:
    assert api.operator.post(f"/api/jobs/{10**12}/runs").status_code == 404
    answer = api.operator.post(f"/api/jobs/{api.add_job(target_ids=[])}/runs")
    assert (answer.status_code, "has no targets" in answer.json()["detail"]) == (409, True)


def test_a_deleted_job_cancels_what_waits_and_keeps_the_history(api: Api) -> None:
    job_id = api.add_job()
    schedule = api.operator.post("/api/schedules", json={"job_id": job_id, "interval_s": 3600}).json()
    run = api.operator.post(f"/api/jobs/{job_id}/runs").json()
    assert api.operator.delete(f"/api/jobs/{job_id}").status_code == 204
    kept = api.viewer.get(f"/api/runs/{run['id']}").json()
    assert kept["status"] == "cancelled"
    assert kept["finished_at"] is not None
    schedules = api.viewer.get("/api/schedules").json()["items"]
    assert schedule["id"] not in [item["id"] for item in schedules]

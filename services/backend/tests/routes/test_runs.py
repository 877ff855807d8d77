"""/api/runs over the API process."""

from backend_world import Api


def test_runs_are_listed_newest_first_by_job_and_status(api: Api) -> None:
    job_id = api.add_job()
    runs = [api.operator.post(f"/api/jobs/{job_id}/runs").json() for _ in range(3)]
    page = api.viewer.get("/api/runs", params={"job_id": job_id, "status": "queued", "limit": 2}).json()
    assert page == {"items": [runs[2], runs[1]], "total": 3}
    assert api.viewer.get("/api/runs", params={"job_id": job_id, "status": "failed"}).json() == {
        "items": [],
        "total": 0,
    }
    assert api.viewer.get("/api/runs", params={"status": "lost"}).status_code == 422


def test_a_run_has_its_results_by_target_and_action(api: Api) -> None:
    targets = [api.add_target(name=name) for name in ("first box", "second box")]
    actions = [{"kind": "command", "argv": ["sh", "-c", "echo $TARGET_NAME; false"]}, {"kind": "tcp"}]
    job_id = api.add_job(target_ids=targets, actions=actions)
    run = api.operator.post(f"/api/jobs/{job_id}/runs").json()
    worker = api.world.start_worker()
    finished = api.world.wait_final(run["id"])
    assert worker.stop() == 0
    found = api.viewer.get(f"/api/runs/{run['id']}").json()
    assert (found["status"], found["number"], found["trace_id"]) == ("failed", 1, finished.trace_id)
    results = found["results"]
    assert all(result.pop("duration_ms") >= 0 for result in results)
    assert results == [
        line
        for target_id, name in zip(targets, ("first box", "second box"), strict=True)
        for line in (
            {
                "target_id": target_id,
                "target_name": name,
                "action_index": 0,
                "action_kind": "command",
                "status": "failed",
                "detail": "sh: ended with 1",
                "output": f"{name}\n",
            },
            {
                "target_id": target_id,
                "target_name": name,
                "action_index": 1,
                "action_kind": "tcp",
                "status": "skipped",
                "detail": "skipped: an earlier action failed on this target",
                "output": "",
            },
        )
    ]


def test_an_unknown_run_is_404(api: Api) -> None:
    answer = api.viewer.get(f"/api/runs/{10**12}")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith(f"cannot find run {10**12}: ")

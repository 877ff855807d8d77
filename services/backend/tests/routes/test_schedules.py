"""/api/schedules over the API process."""

from datetime import UTC, datetime, timedelta

from backend_world import Api


def test_a_schedule_lives_and_dies(api: Api) -> None:
    job_id = api.add_job()
    answer = api.operator.post("/api/schedules", json={"job_id": job_id, "interval_s": 3600})
    assert answer.status_code == 201
    schedule = answer.json()
    due = datetime.fromisoformat(schedule.pop("next_run_at"))
    assert timedelta(minutes=59) < due - datetime.now(UTC) <= timedelta(hours=1)
    assert schedule == {
        "id": schedule["id"],
        "job_id": job_id,
        "cron": None,
        "interval_s": 3600,
        "enabled": True,
        "last_run_at": None,
    }
    url = f"/api/schedules/{schedule['id']}"
    changed = api.operator.put(url, json={"job_id": job_id, "cron": "30 4 * * *", "enabled": False}).json()
    assert (changed["cron"], changed["interval_s"], changed["next_run_at"]) == ("30 4 * * *", None, None)
    changed = api.operator.put(url, json={"job_id": job_id, "cron": "30 4 * * *"}).json()
    assert datetime.fromisoformat(changed["next_run_at"]).strftime("%H:%M") == "04:30"
    assert changed in api.viewer.get("/api/schedules").json()["items"]
    assert api.operator.delete(url).status_code == 204
    assert api.operator.delete(url).status_code == 404
    assert api.operator.put(url, json={"job_id": job_id, "interval_s": 1}).status_code == 404


def test_bad_bodies_are_refused(api: Api) -> None:
    job_id = api.add_job()
    for body, part in (
        ({"job_id": job_id}, "either cron or interval_s"),
        ({"job_id": job_id, "cron": "* * * * *", "interval_s": 5}, "either cron or interval_s"),
        ({"job_id": job_id, "cron": "* * *"}, "five fields"),
        ({"job_id": job_id, "cron": "0 0 31 2 *"}, "cron"),
        ({"job_id": job_id, "interval_s": 0}, "interval_s"),
        ({"job_id": job_id, "interval_s": 10**12}, "interval_s"),
        ({"job_id": 10**12, "interval_s": 5}, f"no job with the id {10**12}"),
    ):
        answer = api.operator.post("/api/schedules", json=body)
        assert answer.status_code == 422
        assert part in answer.json()["detail"]


def test_the_self_check_is_there_at_first_start(api: Api) -> None:
    job = next(item for item in api.viewer.get("/api/jobs").json()["items"] if item["name"] == "Platform self-check")
    targets = [api.viewer.get(f"/api/targets/{key}").json() for key in job["target_ids"]]
    assert {target["name"]: target["address"] for target in targets} == {
        "auth": "http://auth:8001",
        "backend": "http://backend:8000",
        "frontend": "http://frontend:3000",
        "nginx": "http://nginx:8080",
        "worker": "http://worker:8002",
        "scheduler": "http://scheduler:8003",
    }
    schedules = api.viewer.get("/api/schedules").json()["items"]
    assert [item["interval_s"] for item in schedules if item["job_id"] == job["id"]] == [60]

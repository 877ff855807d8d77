"""/api/targets over the API process."""

from backend_world import Api


def test_a_target_lives_and_dies(api: Api) -> None:
    body = {"name": "web", "address": "http://web:80/base", "kind": "http", "labels": {"team": "a"}}
    answer = api.operator.post("/api/targets", json=body)
    assert answer.status_code == 201
    target = answer.json()
    assert {name: target[name] for name in body} == body
    assert target["created_at"].endswith("Z")
    url = f"/api/targets/{target['id']}"
    assert api.viewer.get(url).json() == target
    changed = {"name": "web", "address": "web:80", "kind": "tcp"}
    answer = api.operator.put(url, json=changed)
    assert answer.status_code == 200
    assert answer.json() == {**target, **changed, "labels": {}}
    assert api.operator.delete(url).status_code == 204
    answer = api.viewer.get(url)
    assert answer.status_code == 404
    assert answer.json() == {"detail": f"cannot find target {target['id']}: there is none with this id"}
    assert api.operator.delete(url).status_code == 404


def test_lists_are_pages_by_name(api: Api) -> None:
    for name in ("zz 3", "zz 1", "zz 2"):
        api.add_target(name=name)
    total = api.viewer.get("/api/targets").json()["total"]
    page = api.viewer.get("/api/targets", params={"offset": total - 3, "limit": 2}).json()
    assert [item["name"] for item in page["items"]] == ["zz 1", "zz 2"]
    assert page["total"] == total
    for bad in ({"limit": 0}, {"limit": 1001}, {"offset": -1}):
        assert api.viewer.get("/api/targets", params=bad).status_code == 422


def test_a_name_is_taken_once(api: Api) -> None:
    api.add_target(name="unique")
    body = {"name": "unique", "address": "x", "kind": "host"}
    for answer in (
        api.operator.post("/api/targets", json=body),
        api.operator.put(f"/api/targets/{api.add_target()}", json=body),
    ):
        assert answer.status_code == 409
        assert answer.json()["detail"].endswith("target unique: the name is taken")


def test_a_target_that_a_job_uses_stays(api: Api) -> None:
    target_id = api.add_target()
    job_id = api.add_job(target_ids=[target_id], name="user of a target")
    answer = api.operator.delete(f"/api/targets/{target_id}")
    assert answer.status_code == 409
    assert "job user of a target uses it" in answer.json()["detail"]
    assert api.operator.delete(f"/api/jobs/{job_id}").status_code == 204
    assert api.operator.delete(f"/api/targets/{target_id}").status_code == 204


def test_bad_bodies_are_refused_with_the_field(api: Api) -> None:
    good = {"name": "x", "address": "x", "kind": "host"}
    for body, field in (
        ({**good, "kind": "ssh"}, "body.kind"),
        ({**good, "color": "red"}, "body.color"),
        ({**good, "address": ""}, "body.address"),
        ({**good, "kind": "tcp"}, "address of kind tcp must be host:port"),
        ([], "body"),
    ):
        answer = api.operator.post("/api/targets", json=body)
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("cannot accept request: body")
        assert field in answer.json()["detail"]
    answer = api.operator.post("/api/targets", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    for key in ("0", "x", str(2**63)):
        assert api.viewer.get(f"/api/targets/{key}").status_code == 422

def test_a_target_is_created_listed_and_deleted(ada, apis):
    page = ada.submit("/targets", name="web <1>", kind="http", address="http://web:80", labels="site=berlin, rack=4")
    assert page.url.path == "/targets"
    assert "The target was created." in page.text
    assert "web &lt;1&gt;" in page.text
    assert "<1>" not in page.text
    stored = apis.nouns["targets"][0]
    assert stored["labels"] == {"site": "berlin", "rack": "4"}
    assert ada.submit(f"/targets/{stored['id']}/delete").url.path == "/targets"
    assert apis.nouns["targets"] == []


def test_a_refused_target_keeps_what_was_typed(ada, apis, alert):
    ada.submit("/targets", name="web", kind="http", address="http://web")
    page = ada.submit("/targets", name="web", kind="tcp", address="web:81", labels="a=b")
    assert page.status_code == 409
    assert alert(page) == "cannot create target: its name is taken"
    assert 'value="web:81"' in page.text
    assert '<option value="tcp" selected>' in page.text
    wrong = ada.submit("/targets", name="x", kind="tcp", address="web:81", labels="berlin")
    assert wrong.status_code == 422
    assert "name=value" in alert(wrong)


def test_a_viewer_sees_no_forms(browser, apis):
    apis.nouns["targets"].append(
        {"id": 1, "name": "web", "kind": "tcp", "address": "a:1", "labels": {}, "created_at": "2026-01-01T00:00:00Z"}
    )
    browser.log_in("vera")
    for path in ("/targets", "/jobs"):
        page = browser.get(path).text
        assert "New " not in page
        assert "Delete" not in page
    assert "Users" not in browser.get("/").text


def test_a_missing_target_is_said_in_words(ada, alert):
    page = ada.submit("/targets/99/delete")
    assert page.status_code == 404
    assert "cannot find target 99" in alert(page)


def test_long_lists_come_in_parts(ada, apis):
    apis.nouns["targets"] = [
        {"id": n, "name": f"t{n}", "kind": "tcp", "address": "a:1", "labels": {}, "created_at": ""}
        for n in range(120)
    ]
    first = ada.get("/targets").text
    assert 'rel="next" href="?offset=50"' in first
    assert 'rel="prev"' not in first
    last = ada.get("/targets?offset=100").text
    assert 'rel="prev" href="?offset=50"' in last
    assert 'rel="next"' not in last
    assert ada.get("/targets?offset=nonsense").status_code == 200

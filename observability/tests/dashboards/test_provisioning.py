import json
from pathlib import Path

import pytest

from opsconductor.dashboards.provisioning import DashboardLibrary, load_datasources
from opsconductor.model.errors import ConfigError

SHIPPED = Path(__file__).parents[3] / "config/grafana/provisioning"


def load(folder, text, name="datasources/a.yml"):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return load_datasources(folder)


def test_the_shipped_files_load_without_a_warning():
    sources, warnings = load_datasources(SHIPPED)
    assert warnings == []
    assert {source.uid: source.kind for source in sources} == {
        "logs": "loki",
        "metrics": "prometheus",
        "traces": "jaeger",
        "alerts": "alertmanager",
    }
    assert [source.uid for source in sources if source.is_default] == ["metrics"]
    assert sources[0].url == "http://loki:3100"
    assert sources[0].details["derivedFields"][0]["url"] == "${__value.raw}"
    assert "$__tags" in sources[2].details["tracesToMetrics"]["queries"][0]["query"]


def test_values_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("STORE_HOST", "there")
    text = (
        "datasources:\n- {name: A, type: loki, url: 'http://${STORE_HOST}:3100/x/', isDefault: yes}\n"
        "- {name: B, uid: b, type: jaeger, url: 'https://b', jsonData: {since: 2024-01-01, n: 1.5, ok: true}}\n"
    )
    (first, second), warnings = load(tmp_path, text)
    assert (first.uid, first.url, first.is_default) == ("A", "http://there:3100/x", True)
    assert second.details == {"since": "2024-01-01", "n": 1.5, "ok": True}
    assert warnings == []


def test_what_is_not_supported_is_a_warning_with_its_line(tmp_path):
    text = (
        "datasources:\n- name: A\n  type: tempo\n  url: http://a:1\n"
        "- name: B\n  type: loki\n  url: http://b:1\n  access: proxy\n  basicAuth: true\n"
    )
    sources, warnings = load(tmp_path, text)
    assert [source.name for source in sources] == ["B"]
    assert warnings == [
        f'data source "A": type tempo is not supported and ignored ({tmp_path}/datasources/a.yml:2)',
        f"datasources.basicAuth is not supported and ignored ({tmp_path}/datasources/a.yml:9)",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datasources: 5", r"datasources: write a list here.*a\.yml:1"),
        ("datasources:\n- 5", r"write keys here.*a\.yml:2"),
        ("datasources:\n- {name: A, type: loki}", r"a data source needs `url` \(.*a\.yml:2"),
        ("datasources:\n- {name: A, type: loki, url: 'loki:3100'}", r'"loki:3100" is not a URL.*a\.yml:2'),
        ("datasources:\n- {name: A, type: loki, url: 'http://loki:port'}", "is not a URL"),
        ("datasources:\n- {name: A, type: loki, url: 'http://loki:1?x=1'}", "is not a URL"),
        ("datasources:\n- {name: A, type: loki, url: 'file:///etc/passwd'}", "is not a URL"),
        ("datasources:\n- {name: A, type: loki, url: 'http://a:1', jsonData: []}", "jsonData: write keys here"),
        ("datasources:\n- {name: A, type: loki, url: 'http://a:1', isDefault: perhaps}", "neither true nor false"),
        (
            "datasources:\n- &a {name: A, uid: x, type: loki, url: 'http://a:1'}\n- *a",
            r'the uid "x" of "A" is there twice',
        ),
        ("- a list", "write keys here"),
        ("datasources: [", r"cannot read YAML: .*a\.yml:1"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, text)


def test_a_file_of_comments_says_nothing(tmp_path):
    assert load(tmp_path, "# datasources:\n#   - name: x\n\n") == ([], [])
    assert load(tmp_path, "", "datasources/b.yaml") == ([], [])


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "datasources").mkdir()
    (tmp_path / "datasources/a.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"cannot read .*a\.yml"):
        load_datasources(tmp_path)


def test_dashboards_are_listed_by_title_and_found_by_uid(tmp_path, provisioning_writer):
    folder = provisioning_writer(tmp_path, {})
    (folder / "json/below").mkdir()
    (folder / "json/below/two.json").write_text(json.dumps({"title": "Another", "tags": 5}))
    library = DashboardLibrary(folder)
    assert [(one.uid, one.title, one.folder, one.tags) for one in library.list_all()] == [
        ("two", "Another", "Shipped", ()),
        ("one", "The platform", "Shipped", ("shipped",)),
    ]
    assert library.find("one").content["panels"] == []
    assert library.find("three") is None
    (folder / "json/three.json").write_text(json.dumps({"title": "New", "uid": "three"}))
    assert library.find("three").title == "New"


def test_files_that_are_no_dashboards_are_left_out_and_named(tmp_path, provisioning_writer):
    folder = provisioning_writer(tmp_path, {})
    for name, text in (("a", "[]"), ("b", '{"title": 5}'), ("c", '{"title": "x", "uid": "one"}'), ("d", "[" * 99999)):
        (folder / f"json/{name}.json").write_text(text)
    library = DashboardLibrary(folder)
    assert [one.uid for one in library.list_all()] == ["one"]
    problems = library.find_problems()
    assert len(problems) == 5
    assert all("cannot" in problem and ".json" in problem for problem in problems)


def test_a_missing_folder_of_dashboards_is_said(tmp_path, provisioning_writer):
    folder = provisioning_writer(tmp_path, {})
    (folder / "json").rename(folder / "moved")
    library = DashboardLibrary(folder)
    assert library.list_all() == []
    assert "is no folder" in library.find_problems()[0]


@pytest.mark.parametrize("text", ["providers: 5", "providers: [5]", "providers: [{name: x}]"])
def test_a_wrong_provider_is_named_with_its_line(tmp_path, text):
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards/a.yml").write_text(text)
    with pytest.raises(ConfigError, match=r"a\.yml:1"):
        DashboardLibrary(tmp_path)

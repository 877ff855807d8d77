"""Each stage reads its keys, refuses wrong ones and does what it says; test_conformance has the original's cases."""

import time
from typing import Any

import pytest

from opsconductor.collector.stages.build import build_pipeline
from opsconductor.collector.stages.entry import Entry, format_extracted
from opsconductor.collector.stages.pipeline import Pipeline
from opsconductor.model.document import parse_document
from opsconductor.model.errors import ConfigError

NOW = 1_000_000_000_000_000_000


def build(text: str, dropped: list[str] | None = None) -> Pipeline:
    counted: list[str] = [] if dropped is None else dropped
    return build_pipeline(parse_document(f"stages: {text}", "x.yml").items("stages"), counted.append)


def run(stages: str, *lines: str, **labels: str) -> list[tuple[str, dict[str, str]]]:
    entries = [Entry(NOW, line, dict(labels)) for line in lines]
    return [(entry.line, entry.labels) for entry in build(stages).process(entries)]


def test_json_by_path_by_name_and_from_a_source() -> None:
    stages = "[{json: {expressions: {a: , b: x.y, c: 'list[1]', d: '\"a-b\"'}}}, {labels: {a: , b: , c: , d: }}]"
    line = '{"a": 1.50, "x": {"y": true}, "list": [1, {"k": "v"}], "a-b": null}'
    assert run(stages, line) == [(line, {"a": "1.5", "b": "true", "c": '{"k":"v"}'})]
    nested = "[{json: {expressions: {in: }}}, {json: {expressions: {z: }, source: in}}, {output: {source: z}}]"
    assert run(nested, '{"in": "{\\"z\\": \\"deep\\"}"}', "no json", '{"in": 5}') == [
        ("deep", {}),
        ("no json", {}),
        ('{"in": 5}', {}),
    ]


def test_json_drops_malformed_lines_where_asked_and_counts_them() -> None:
    dropped: list[str] = []
    pipeline = build("[{json: {expressions: {a: }, drop_malformed: true}}]", dropped)
    kept = pipeline.process([Entry(NOW, line, {}) for line in ('{"a":1}', "x", "[1]", "null")])
    assert [entry.line for entry in kept] == ['{"a":1}', "null"]
    assert dropped == ["malformed_json", "malformed_json"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e21, "1000000000000000000000"),
        (0.000001, "0.000001"),
        (2**53 + 1, "9007199254740992"),
        (-3, "-3"),
        (True, "true"),
        (None, None),
        (3.0, "3"),
    ],
)
def test_numbers_are_doubles_without_an_exponent(value: Any, text: str | None) -> None:
    assert format_extracted(value) == text


def test_regex_gives_empty_values_for_groups_that_took_no_part() -> None:
    stages = "[{regex: {expression: '^(?P<a>x)?(?P<b>y)'}}, {labels: {a: , b: }}]"
    assert run(stages, "y", "zz") == [("y", {"a": "", "b": "y"}), ("zz", {})]


def test_labels_static_labels_labeldrop_labelallow() -> None:
    stages = "[{static_labels: {a: 1, e: ''}}, {labeldrop: [b]}, {labelallow: [a, c]}]"
    assert run(stages, "x", b="b", c="c", d="d") == [("x", {"a": "1", "c": "c"})]


def test_match_keeps_order_nests_and_drops() -> None:
    stages = """
  - match: {selector: '{app=~"w.*", x=""} |= "hit" !~ "not.*"', stages: [{static_labels: {m: 1}}]}
  - match: {selector: '{app="web"} |~ `^bye\\d`', action: drop, drop_counter_reason: gone}
"""
    dropped: list[str] = []
    pipeline = build(stages, dropped)
    entries = pipeline.process(
        [Entry(NOW, line, {"app": "web"}) for line in ("hit", "miss", "hit not", "bye1", "bye")]
    )
    assert [(entry.line, entry.labels.get("m")) for entry in entries] == [
        ("hit", "1"),
        ("miss", None),
        ("hit not", None),
        ("bye", None),
    ]
    assert dropped == ["gone"]


@pytest.mark.parametrize("selector", ["{a=1}", '{a="b"', '{a="b",}', '{a~"b"}', '{a="b"} == "c"', '{a="b"} |= c'])
def test_match_refuses_a_wrong_selector_with_its_position(selector: str) -> None:
    with pytest.raises(ConfigError, match=r"at position \d+ \(x.yml:2\)"):
        build(f"\n  - match: {{selector: '{selector}', stages: [{{labeldrop: [a]}}]}}")


def test_drop_needs_every_condition() -> None:
    stages = "[{drop: {source: app, value: web, longer_than: 3}}]"
    pipeline = build(stages)
    kept = pipeline.process([Entry(NOW, line, {"app": app}) for line in ("long line", "é1") for app in ("web", "db")])
    assert [(entry.line, entry.labels["app"]) for entry in kept] == [("long line", "db"), ("é1", "web"), ("é1", "db")]
    old = build("[{drop: {older_than: 1h}}]")
    entries = [Entry(time.time_ns() - age, "x", {}) for age in (0, 7200 * 10**9)]
    assert len(old.process(entries)) == 1


def test_timestamp_follows_the_line_before_where_it_cannot_be_read() -> None:
    stages = "[{regex: {expression: '^t=(?P<t>\\S+)'}}, {timestamp: {source: t, format: Unix}}]"
    pipeline = build(stages)
    lines = ["at first none", "t=100.5", "  stack", "  trace", "t=bad"]
    entries = pipeline.process([Entry(NOW, line, {}) for line in lines])
    assert [entry.time_ns for entry in entries] == [NOW, *(100_500_000_000 + more for more in range(4))]
    skipping = build(stages.replace("format: Unix", "format: Unix, action_on_failure: skip"))
    entries = skipping.process([Entry(NOW, line, {}) for line in lines])
    assert [entry.time_ns for entry in entries] == [NOW, 100_500_000_000, NOW, NOW, NOW]


def test_cri_joins_partial_lines_by_stream() -> None:
    at = "2026-01-02T03:04:05Z"
    lines = [f"{at} stdout P out ", f"{at} stderr F err", f"{at} stdout F end", "plain"]
    assert run("[{cri: {}}]", *lines) == [
        ("err", {"stream": "stderr"}),
        ("out end", {"stream": "stdout"}),
        ("plain", {}),
    ]


def test_forks_share_nothing_that_is_held() -> None:
    at = "2026-01-02T03:04:05Z"
    pipeline = build("[{match: {selector: '{a=\"\"}', stages: [{cri: {}}]}}, {static_labels: {b: c}}]")
    one, two = pipeline.fork(), pipeline.fork()
    assert one.process([Entry(NOW, f"{at} stdout P half", {})]) == []
    assert (one.holds, two.holds, pipeline.holds) == (True, False, False)
    (entry,) = one.flush()
    assert (entry.line, entry.labels) == ("half", {"stream": "stdout", "b": "c"})


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ("[json]", r"write a stage here"),
        ("[{jsn: {}}]", r"stage jsn is unknown; stages are cri, docker"),
        ("[{metrics: {}}]", r"stage metrics is not supported yet"),
        ("[{json: {expressions: {a: }, surce: b}}]", r"stage json has no such key"),
        ("[{json: {expressions: {a: b c}}}]", r"no JMESPath expression"),
        ("[{json: {expressions: {a: b}, source: ''}}]", r"source is empty"),
        ("[{regex: {expression: a, source: ''}}]", r"source is empty"),
        ("[{regex: {expression: '('}}]", r"no RE2 expression: missing"),
        ("[{labels: {1a: }}]", r"no label name"),
        ("[{drop: {source: a, value: b, expression: c}}]", r"cannot both be given"),
        ("[{timestamp: {source: a, format: Unix, location: Mars/Crater}}]", r"no time zone"),
    ],
)
def test_wrong_stages_are_refused_where_they_stand(stages: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build(stages)
    assert caught.value.where == "x.yml:1"

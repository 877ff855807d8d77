"""From YAML to stages: the table of names, and a clear no to those that are not here yet."""

from collections.abc import Callable

from opsconductor.collector.stages.cri import read_cri
from opsconductor.collector.stages.drop import read_drop
from opsconductor.collector.stages.json_stage import JsonStage, read_json
from opsconductor.collector.stages.labels import (
    LabelsStage,
    read_labelallow,
    read_labeldrop,
    read_labels,
    read_static_labels,
)
from opsconductor.collector.stages.layout import parse_rfc3339
from opsconductor.collector.stages.match import MatchDropStage, MatchKeepStage
from opsconductor.collector.stages.output import OutputStage, read_output
from opsconductor.collector.stages.pipeline import Pipeline
from opsconductor.collector.stages.regex_stage import read_regex
from opsconductor.collector.stages.selector import parse_selector
from opsconductor.collector.stages.stage import CountDropped, Stage, ignore_dropped
from opsconductor.collector.stages.timestamp import TimestampStage, read_timestamp
from opsconductor.model.document import Section, Value

_MAPPINGS: dict[str, Callable[[Section, CountDropped], Stage]] = {
    "cri": read_cri,
    "drop": read_drop,
    "json": read_json,
    "labels": read_labels,
    "output": read_output,
    "regex": read_regex,
    "static_labels": read_static_labels,
    "timestamp": read_timestamp,
}
_LISTS: dict[str, Callable[[Value, CountDropped], Stage]] = {
    "labelallow": read_labelallow,
    "labeldrop": read_labeldrop,
}
NOT_YET = frozenset(
    [
        *("decolorize", "eventlogmessage", "geoip", "limit", "logfmt", "metrics", "multiline", "non_indexed_labels"),
        *("pack", "pipeline", "replace", "sampling", "structured_metadata", "template", "tenant"),
    ]
)
"""Stages of the original that are refused, so that nobody's lines go on unchanged by accident."""


def build_pipeline(stages: list[Value], count: CountDropped = ignore_dropped) -> Pipeline:
    """The pipeline of `pipeline_stages`; `count` is told the reason of each entry dropped. Raises ConfigError."""
    return Pipeline([stage for value in stages for stage in _build_stages(value, count)])


def _build_stages(value: Value, count: CountDropped) -> list[Stage]:
    if value.kind != "mapping":
        raise value.fail("write a stage here, such as `- json:` with its keys below")
    return [_build_stage(name, inner, count) for name, inner in value.section()]


def _build_stage(name: str, value: Value, count: CountDropped) -> Stage:
    if name in _LISTS:
        return _LISTS[name](value, count)
    if name == "docker":
        return _build_docker(count)
    if name in NOT_YET:
        raise value.fail(f"stage {name} is not supported yet; leave it out or use the stages that are")
    if name != "match" and name not in _MAPPINGS:
        known = ", ".join(sorted([*_MAPPINGS, *_LISTS, "docker", "match"]))
        raise value.fail(f"stage {name} is unknown; stages are {known}")
    section = value.section()
    stage = _build_match(section, count) if name == "match" else _MAPPINGS[name](section, count)
    for unread in section.unread():
        raise unread.fail(f"stage {name} has no such key; remove it or check its spelling")
    return stage


def _build_docker(count: CountDropped) -> Pipeline:
    """Lines of Docker's json-file driver. Spec: Promtail stages/extensions.NewDocker."""
    searches = {"output": _get("log"), "stream": _get("stream"), "timestamp": _get("time")}
    return Pipeline(
        [
            JsonStage(searches, "", False, count),
            LabelsStage([("stream", "stream")]),
            TimestampStage("timestamp", [parse_rfc3339], fudge=True),
            OutputStage("output"),
        ]
    )


def _get(name: str) -> Callable[[dict[str, object]], object]:
    return lambda data: data.get(name)


def _build_match(section: Section, count: CountDropped) -> Stage:
    name, selector, action = section.get("pipeline_name"), section.get("selector"), section.text("action") or "keep"
    if name is not None and not name.text():
        raise name.fail("pipeline_name is empty; write a name or leave the key out")
    if selector is None or not selector.text():
        raise section.value.fail("selector is missing; write one, such as `selector: '{app=\"x\"}'`")
    stages, reason = section.items("stages"), section.text("drop_counter_reason") or "match_stage"
    if action not in ("keep", "drop"):
        raise section.value.fail(f'action "{action}" is unknown; write keep or drop')
    if action == "keep" and not stages:
        raise section.value.fail("stages is missing; write what happens to fitting lines")
    if action == "drop" and stages:
        raise section.value.fail("action drop takes no stages; remove them")
    parsed = parse_selector(selector)
    if action == "drop":
        return MatchDropStage(parsed, reason, count)
    return MatchKeepStage(parsed, build_pipeline(stages, count))

"""The original's own stage tests, where their folder is given; stages that are not here yet are left out."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from opsconductor.collector.stages.build import NOT_YET, build_pipeline
from opsconductor.collector.stages.entry import Entry
from opsconductor.model.document import parse_document
from opsconductor.model.errors import ConfigError

ROOT = Path(os.environ.get("OPSCONDUCTOR_CONFORMANCE", "/absent")) / "logs"


def _load(name: str) -> list[dict[str, Any]]:
    path = ROOT / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _names(stages: list[dict[str, Any]] | None) -> set[str]:
    names = set()
    for stage in stages or []:
        for name, config in stage.items():
            names |= {name} | (_names((config or {}).get("stages")) if name == "match" else set())
    return names


def _build(stages: list[dict[str, Any]]) -> Any:
    document = parse_document(json.dumps({"stages": stages}), "vector.yml")
    return build_pipeline(document.items("stages"))


VECTORS = [case for case in _load("promtail_pipeline_vectors.jsonl") if not _names(case["pipeline_stages"]) & NOT_YET]
INVALID = [
    case
    for case in _load("promtail_pipeline_invalid.jsonl")
    # the vectors' `source: ""` was lost when they were written down; test_stages has these cases
    if not set(case["stage"]) & NOT_YET and case["error"] != "empty source"
]

pytestmark = pytest.mark.skipif(not ROOT.exists(), reason="OPSCONDUCTOR_CONFORMANCE is not set")


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["src"])
def test_pipeline_gives_what_the_original_gives(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = _build(case["pipeline_stages"])
    for step in case["steps"]:
        entries, given = [], set()
        for spec in step["in"]:
            entry = Entry(spec["ts"], spec["line"], dict(spec["labels"]))
            entry.extracted.update(spec.get("extracted", {}))
            given |= spec["labels"].keys()
            entries.append(entry)
        # "now" of the vectors, for conditions on age
        monkeypatch.setattr("time.time_ns", lambda: 1_795_336_995_720_000_000)
        got = [_describe(entry, given) for entry in pipeline.process(entries)]
        assert got == [_expected(spec, given) for spec in step["out"]]


def _describe(entry: Entry, given: set[str]) -> dict[str, Any]:
    extracted = {name: value for name, value in entry.extracted.items() if name not in given}
    return {"ts": entry.time_ns, "line": entry.line, "labels": entry.labels, "extracted": extracted}


def _expected(spec: dict[str, Any], given: set[str]) -> dict[str, Any]:
    extracted = {name: value for name, value in spec.get("extracted", {}).items() if name not in given}
    return {"ts": spec["ts"], "line": spec["line"], "labels": spec["labels"], "extracted": extracted}


@pytest.mark.parametrize("case", INVALID, ids=lambda case: f"{case['src']}-{case['error'][:40]}")
def test_pipeline_refuses_what_the_original_refuses(case: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        _build([case["stage"]])
    assert caught.value.where.startswith("vector.yml:")

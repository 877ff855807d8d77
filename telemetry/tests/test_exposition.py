import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsconductor.metrics.exposition import Sample, parse_exposition
from opsconductor_telemetry import start_span
from opsconductor_telemetry.exposition import choose_openmetrics, write_exposition
from opsconductor_telemetry.metrics import Counter, Gauge, Histogram, Registry

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;"
    "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
SUFFIXES = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count", "_created"),
}


def parse(registry: Registry, *, openmetrics: bool) -> list[Sample]:
    """The samples, after the checks that the specification asks for and a lenient parser leaves out."""
    text = write_exposition(registry, openmetrics=openmetrics).decode()
    samples, families = parse_exposition(text, openmetrics=openmetrics)
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    if openmetrics:
        check_strictly(text)
    else:
        assert " # " not in text
        assert "_created" not in text
        assert "EOF" not in text
    return samples


def check_strictly(text: str) -> None:
    """OpenMetrics 1.0: one block a family, HELP, TYPE and UNIT first, suffixes by type, # EOF last, no blank line."""
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""]
    assert "" not in lines[:-1]
    name = kind = ""
    seen: set[str] = set()
    for line in lines[:-2]:
        described = re.fullmatch(r"# (HELP|TYPE|UNIT) (\S+) (.*)", line)
        if described and described[1] == "HELP":
            name = described[2]
            assert name not in seen
            seen.add(name)
        elif described:
            assert described[2] == name
            kind = described[3] if described[1] == "TYPE" else kind
            assert described[1] != "UNIT" or name.endswith(f"_{described[3]}")
        else:
            sample = re.match(r"[a-zA-Z_:][a-zA-Z0-9_:]*", line)[0]
            assert sample in {f"{name}{suffix}" for suffix in SUFFIXES[kind]}, line
            exemplar = re.search(r" # (\{[^}]*\}) \S+ \d+\.\d{3}$", line)
            assert bool(exemplar) == (" # " in line), line
            if exemplar:
                assert sample.endswith("_bucket")
                assert len("".join(re.findall(r"[\w-]+", exemplar[1]))) <= 128


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    logins = Counter("logins_total", 'Logins, "all"\n of \\ them.', labels=("result",), registry=registry)
    logins.add(3, result='a"b\\c\nd')
    Gauge("depth", "Depth.", registry=registry).set(math.inf)
    took = Histogram("took_seconds", "Took.", unit="seconds", labels=("route",), bounds=(0.1, 1), registry=registry)
    with start_span("work"):
        took.observe(0.05, route="/")
    took.observe(5, route="/")
    Counter("unused_total", "Nothing.", labels=("a",), registry=registry)
    return registry


@pytest.mark.parametrize("openmetrics", [True, False])
def test_what_was_counted_is_read_again(registry, openmetrics) -> None:
    samples = parse(registry, openmetrics=openmetrics)
    read = {sample.labels: sample.value for sample in samples if "_created" not in dict(sample.labels)["__name__"]}
    assert read == {
        (("__name__", "logins_total"), ("result", 'a"b\\c\nd')): 3,
        (("__name__", "depth"),): math.inf,
        (("__name__", "took_seconds_bucket"), ("le", "0.1"), ("route", "/")): 1,
        (("__name__", "took_seconds_bucket"), ("le", "1.0"), ("route", "/")): 1,
        (("__name__", "took_seconds_bucket"), ("le", "+Inf"), ("route", "/")): 2,
        (("__name__", "took_seconds_sum"), ("route", "/")): 5.05,
        (("__name__", "took_seconds_count"), ("route", "/")): 2,
    }


def test_exemplars_name_the_trace(registry) -> None:
    took = registry.families["took_seconds"]
    with start_span("work") as span:
        took.observe(0.5, route="/")
    found = [sample.exemplar for sample in parse(registry, openmetrics=True) if sample.exemplar]
    exemplar = next(one for one in found if one.value == 0.5)
    assert dict(exemplar.labels) == {"trace_id": span.trace_id, "span_id": span.span_id}
    assert exemplar.time_ms


def test_an_empty_registry_is_a_valid_answer() -> None:
    assert write_exposition(Registry(), openmetrics=True) == b"# EOF\n"
    assert write_exposition(Registry(), openmetrics=False) == b""


def test_an_empty_label_is_no_label() -> None:
    registry = Registry()
    Counter("x_total", "X.", labels=("a", "b"), registry=registry).add(a="", b="c")
    assert b'x_total{b="c"} 1.0\n' in write_exposition(registry, openmetrics=False)


@given(st.text(max_size=30), st.floats())
def test_any_value_and_label_is_read_again(text, number) -> None:
    registry = Registry()
    Gauge("depth", text.replace("\r", ""), labels=("a",), registry=registry).set(number, a=text)
    (sample,) = parse(registry, openmetrics=True)
    cleaned = text.encode("utf-8", "replace").decode()
    assert dict(sample.labels).get("a", "") == cleaned
    assert sample.value == number or (math.isnan(sample.value) and math.isnan(number))


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PROMETHEUS, True),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
        ("text/plain;q=0.5, application/openmetrics-text;q=0.4", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;version=7", False),
        ("application/openmetrics-text;q=nonsense", False),
        ("text/plain", False),
        ("*/*", False),
        ("", False),
        (";;,=,", False),
    ],
)
def test_the_accept_header_chooses(accept, expected) -> None:
    assert choose_openmetrics(accept) is expected

"""The text formats: what is read, what is refused, and that no input crashes the reader."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsconductor.metrics.exposition import parse_exposition
from opsconductor.model.errors import InputError

TEXT = """# HELP http_requests_total The total\\nnumber.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3

escaped{path="C:\\\\DIR\\\\",error="say \\"hi\\"\\n",} 1.458255915e9
plain 12.47
special{le="+Inf"} +Inf
nan NaN
"""


def test_the_text_format() -> None:
    samples, metadata = parse_exposition(TEXT, openmetrics=False)
    by_name = {(dict(one.labels)["__name__"], dict(one.labels).get("code", "")): one for one in samples}
    first = by_name["http_requests_total", "200"]
    assert (first.value, first.time_ms) == (1027.0, 1395066363000)
    assert dict(by_name["escaped", ""].labels)["path"] == "C:\\DIR\\"
    assert dict(by_name["escaped", ""].labels)["error"] == 'say "hi"\n'
    assert by_name["special", ""].value == math.inf
    assert math.isnan(by_name["nan", ""].value)
    assert [(one.name, one.kind) for one in metadata] == [("http_requests_total", "counter")]


def test_openmetrics_with_exemplars() -> None:
    text = 'x_bucket{le="0.1"} 8 # {trace_id="abc"} 0.067 1520879607.789\nx_created 1.5 123.5\n# EOF\n'
    samples, _ = parse_exposition(text, openmetrics=True)
    exemplar = samples[0].exemplar
    assert exemplar is not None
    assert (dict(exemplar.labels), exemplar.value, exemplar.time_ms) == ({"trace_id": "abc"}, 0.067, 1520879607789)
    assert samples[1].time_ms == 123500


@pytest.mark.parametrize("text", ["x", "x y", 'x{a="b" 1', 'x{a="b",a="c"} 1', '{a="b"} 1', "1x 1", "x 1 2 3"])
def test_wrong_lines_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="line 1"):
        parse_exposition(text, openmetrics=False)


@given(st.text(alphabet='xy_{}=",\\ 01.#\n+-eNaIf', max_size=60))
def test_no_text_crashes_the_reader(text: str) -> None:
    try:
        samples, _ = parse_exposition(text, openmetrics=True)
    except InputError:
        return
    assert all(dict(one.labels)["__name__"] for one in samples)

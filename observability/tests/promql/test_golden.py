"""Golden scripts: data, queries and what they yield."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.promql_sources import ListSource

from opsconductor.model.errors import InputError
from opsconductor.model.labels import format_labels
from opsconductor.promql.execute import Steps, execute
from opsconductor.promql.parser import parse
from opsconductor.vectors.block import Block

SCRIPTS = sorted((Path(__file__).parent / "golden").glob("*.txt"))


def read_cases() -> Iterator[tuple[str, ListSource, int, str, list[str]]]:
    for script in SCRIPTS:
        source = ListSource()
        for block in re.split(r"\n\s*\n", re.sub(r"^#.*\n", "", script.read_text(), flags=re.MULTILINE)):
            lines = block.strip().splitlines()
            if lines[0].startswith("load "):
                for line in lines[1:]:
                    source.load(line, int(lines[0].split()[1]) * 1000)
            else:
                _, time_s, query = lines[0].split(" ", 2)
                yield f"{script.stem}: {query} at {time_s}", source, int(time_s) * 1000, query, lines[1:]


CASES = list(read_cases())


def describe(result: object) -> dict[str, float]:
    if isinstance(result, Block):
        return {
            format_labels(labels): float(value)
            for labels, value, present in zip(result.labels, result.values[:, -1], result.present[:, -1], strict=True)
            if present
        }
    assert isinstance(result, np.ndarray)
    return {"scalar": float(result[-1])}


@pytest.mark.parametrize(
    ("source", "time_ms", "query", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
@pytest.mark.parametrize("steps_before", [0, 3])
def test_golden(source: ListSource, time_ms: int, query: str, expected: list[str], steps_before: int) -> None:
    """Each query as an instant one, and as the last step of a range."""
    steps = Steps(time_ms - 60_000 * steps_before, time_ms, 60_000 if steps_before else 0)
    if expected and expected[0].startswith("error "):
        with pytest.raises(InputError, match=expected[0].removeprefix("error ")):
            execute(parse(query), source, steps)
        return
    got = describe(execute(parse(query), source, steps))
    wanted = {labels: float(value) for labels, _, value in (line.rpartition(" ") for line in expected)}
    assert got.keys() == wanted.keys()
    for labels, value in wanted.items():
        assert math.isclose(got[labels], value, rel_tol=1e-9) or (math.isnan(got[labels]) and math.isnan(value)), (
            labels
        )


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "1:1: parse error: no expression found"),
        ("sum(", "1:5: parse error: unexpected end of input"),
        ("rate(x)", "expected type range vector in call to function 'rate', got instant vector"),
        ("1 > 2", "comparisons between scalars must use BOOL modifier"),
        ('{a=""}', "at least one non-empty matcher"),
        ("x[5m", "unexpected end of input in range"),
        ("nosuch(x)", "unknown function with name 'nosuch'"),
        ('x{a=~"("}', "error parsing regexp"),
        ("x\n  +\n  )", "3:3: parse error"),
        ("x[5m:1m]", "subqueries are not supported yet"),
        ("(" * 300 + "x" + ")" * 300, "nests deeper"),
    ],
)
def test_refused(query: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse(query)
    assert message in str(error.value)

"""The parser against the specification's own test suite, where that is at hand, and against its rules."""

import ast
import json
import operator
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsconductor_telemetry.spans import Span, inject, join_trace
from opsconductor_telemetry.traceparent import (
    Parent,
    format_traceparent,
    parse_trace_id,
    parse_traceparent,
    parse_tracestate,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (GOOD, 1),
        (f" \t{GOOD} ", 1),
        (f"00-{TRACE}-{SPAN}-00", 0),
        (f"00-{TRACE}-{SPAN}-ff", 3),
        (f"cc-{TRACE}-{SPAN}-01", 1),
        (f"cc-{TRACE}-{SPAN}-01-later", 1),
    ],
)
def test_a_good_header_is_read(value: str, flags: int) -> None:
    assert parse_traceparent([value]) == Parent(TRACE, SPAN, flags)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [GOOD, GOOD],
        [""],
        [GOOD.upper()],
        [f"ff-{TRACE}-{SPAN}-01"],
        [f"{GOOD}-more"],
        [f"{GOOD}."],
        [f"cc-{TRACE}-{SPAN}-01.more"],
        [f"00-{'0' * 32}-{SPAN}-01"],
        [f"00-{TRACE}-{'0' * 16}-01"],
        [f"00-{TRACE[:-1]}-{SPAN}-01"],
        [f"00-{TRACE}-{SPAN}-1"],
        [f"00-{TRACE}-{SPAN}-0١"],
        [GOOD + "\n"],
    ],
)
def test_a_bad_header_is_no_context(values: list[str]) -> None:
    assert parse_traceparent(values) is None


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    parent = parse_traceparent([text])
    assert parent is None or text.strip(" \t").startswith(f"{text.strip()[:2]}-{parent.trace_id}-{parent.span_id}-")


@settings(deadline=None)
@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 3))
def test_what_is_written_is_read_back(trace: int, span: int, flags: int) -> None:
    parent = Parent(f"{trace:032x}", f"{span:016x}", flags)
    assert parse_traceparent([format_traceparent(*parent)]) == parent


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a=1,b=2"], "a=1,b=2"),
        (["a=1", "", "b=2 , c=3"], "a=1,b=2,c=3"),
        (["tenant@vendor=x"], "tenant@vendor=x"),
        (["a=1,a=2"], "a=1,a=2"),
        (["a"], ""),
        (["A=1"], ""),
        (["a=1=2"], ""),
        ([f"k{n}={n}" for n in range(33)], ""),
        ([f"{'k' * 257}=1"], ""),
        ([f"k={'v' * 257}"], ""),
    ],
)
def test_the_vendors_part_is_passed_on_or_dropped_whole(values: list[str], expected: str) -> None:
    assert parse_tracestate(values) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [(TRACE, TRACE), (None, None), ("0" * 32, None), (TRACE.upper(), None), (TRACE[1:], None)]
)
def test_nginx_request_id(text: str | None, expected: str | None) -> None:
    assert parse_trace_id(text) == expected


class Header:
    """traceparent of an answer, under the names that the suite's expectations use."""

    def __init__(self, value: str) -> None:
        self.version, trace_id, parent_id, self.trace_flags = value.split("-")
        self.trace_id, self.parent_id = bytes.fromhex(trace_id), bytes.fromhex(parent_id)


class State(dict):
    def __init__(self, value: str) -> None:
        super().__init__(member.split("=", 1) for member in value.split(",") if member)
        self.value = value

    def __str__(self) -> str:
        return self.value


def answer(headers: list[list[str]]) -> dict[str, str]:
    """What the service sends on for a request with these headers."""
    given = {name: [value for key, value in headers if key.lower() == name] for name in ("traceparent", "tracestate")}
    carrier: dict[str, str] = {}
    with Span(join_trace(given["traceparent"], given["tracestate"], None), "test", "server", {}):
        inject(carrier)
    return carrier


def load_steps() -> list[tuple[str, dict]]:
    folder = os.environ.get("OPSCONDUCTOR_CONFORMANCE")
    path = Path(folder or "/nowhere") / "traces/w3c/trace_context_vectors.json"
    if not path.exists():
        return []
    return [
        (f"{case['test']}-{number}", step)
        for case in json.loads(path.read_text())
        for number, step in enumerate(case["steps"])
    ]


STEPS = load_steps()


@pytest.mark.skipif(not STEPS, reason="OPSCONDUCTOR_CONFORMANCE is not set")
@pytest.mark.parametrize("step", [step for _, step in STEPS], ids=[name for name, _ in STEPS])
def test_the_specifications_own_vectors(step: dict) -> None:
    headers = evaluate(step["headers"], {}) if isinstance(step["headers"], str) else step["headers"]
    answers = [answer(headers) for _ in range(3)]
    names = {
        "traceparent": Header(answers[0]["traceparent"]),
        "tracestate": State(answers[0].get("tracestate", "")),
        "tracestate1": State(answers[0].get("tracestate", "")),
        "tracestate2": State(answers[1].get("tracestate", "")),
        "trace_ids": {Header(one["traceparent"]).trace_id.hex() for one in answers},
        "parent_ids": {Header(one["traceparent"]).parent_id.hex() for one in answers},
    }
    for expectation in step["expect"]:
        check_expectation(expectation, names)


def evaluate(text: str, names: dict) -> Any:
    try:
        return eval(text, dict(names))
    except NameError as error:
        pytest.skip(f"the vector depends on a variable of the suite: {error}")


def check_expectation(expectation: str, names: dict) -> None:
    call = ast.parse(expectation, mode="eval").body
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    values = [evaluate(ast.unparse(argument), names) for argument in call.args]
    if call.func.id == "assertRaises":
        with pytest.raises(values[0]):
            values[1]()
        return
    checks = {
        "assertEqual": lambda a, b: a == b,
        "assertNotEqual": lambda a, b: a != b,
        "assertIn": lambda a, b: a in b,
        "assertTrue": bool,
        "assertFalse": operator.not_,
        "assert_bit_set": lambda flags, bit, _: int(flags, 16) & bit,
    }
    assert checks[call.func.id](*values), expectation

import json
import logging
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsconductor_telemetry import extract
from opsconductor_telemetry.lines import MAX_LINE_BYTES, encode_record

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def encode(
    message: object = "hello", fields: object = None, args: tuple = (), error: BaseException | None = None
) -> dict:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("auth_service.login", logging.INFO, __file__, 1, message, args, info)
    if fields is not None:
        record.fields = fields
    line = encode_record(record, "auth")
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) <= MAX_LINE_BYTES
    return json.loads(line)


def test_a_line_has_the_documented_form() -> None:
    with extract({"traceparent": f"00-{TRACE}-{SPAN}-01"}) as context:
        line = encode("login refused", {"user.name": "ada", "count": 3})
    assert list(line)[:7] == ["time", "level", "service", "logger", "message", "trace_id", "span_id"]
    assert (line["level"], line["service"], line["logger"]) == ("info", "auth", "auth_service.login")
    assert (line["trace_id"], line["span_id"]) == (TRACE, context.span_id)
    assert (line["message"], line["user.name"], line["count"]) == ("login refused", "ada", 3)


def test_outside_a_trace_there_are_no_ids() -> None:
    assert {"trace_id", "span_id"}.isdisjoint(encode())


@pytest.mark.parametrize("created", [1767323045.678901, 1767323045.0])
def test_time_is_utc_with_microseconds(created: float) -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "m", (), None)
    record.created = created
    time = json.loads(encode_record(record, "auth"))["time"]
    assert len(time) == len("2026-01-02T03:04:05.678901Z")
    assert datetime.fromisoformat(time).timestamp() == created
    assert time.endswith("Z")


def test_a_field_cannot_replace_the_lines_own() -> None:
    line = encode("real", {"message": "false", "time": 1, "trace_id": "x"})
    assert (line["message"], line["field.message"], line["field.time"], line["field.trace_id"]) == (
        "real",
        "false",
        1,
        "x",
    )


def test_an_exception_is_described_without_its_variables() -> None:
    def fail() -> None:
        treasure = "hunter" + "2"
        raise ValueError(f"cannot use password={treasure}")

    try:
        fail()
    except ValueError as error:
        line = encode("failed", error=error)
    assert (line["exception.type"], line["exception.message"]) == ("ValueError", "cannot use password=[redacted]")
    assert "in fail" in line["exception.stacktrace"]
    assert "hunter2" not in json.dumps(line)


def test_causes_are_part_of_the_stack_trace() -> None:
    error = RuntimeError("outer")
    error.__cause__ = KeyError("inner")
    assert "KeyError: 'inner'" in encode("failed", error=error)["exception.stacktrace"]


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (lambda: encode("%d", args=("x",)), "cannot format the message"),
        (lambda: encode("%s", args=(Hostile(),)), "cannot format the message"),
        (lambda: encode("x", {"a": Hostile()}), "cannot write the fields"),
        (lambda: encode("x", error=HostileError()), "cannot describe the exception"),
        (lambda: encode("x", "not a mapping"), '"message": "x"'),
        (lambda: encode("lone \ud800 half", {"\udfff": "\ud800"}), "lone \\\\ud800 half"),
        (lambda: encode("x", {"big": 2**70, "nan": float("nan"), 3: b"bytes"}), '"nan": null'),
    ],
)
def test_what_cannot_be_written_is_described(line, text: str) -> None:
    assert text in json.dumps(line())


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "x" * 100_000},
        {"controls": "\x01" * 60_000},
        {f"key{number}": "y" * 200 for number in range(900)},
        {"nested": {"list": ["z" * 5000] * 20}},
        {"k" * 70_000: 1},
        {"k" * 90: {"wide": ["ü" * 300] * 900}},
    ],
)
def test_a_long_line_is_cut_and_says_so(fields: dict) -> None:
    line = encode("the message", fields)
    assert line["message"] == "the message"
    assert line["truncated"] is True


def test_a_long_message_is_cut() -> None:
    assert encode("m" * 10**6)["message"].endswith("…")


def test_a_deep_recursion_is_a_line_too() -> None:
    def recurse(depth: int) -> None:
        recurse(depth + 1)

    try:
        recurse(0)
    except RecursionError as error:
        line = encode("failed", error=error)
    assert line["exception.type"] == "RecursionError"
    assert "maximum recursion depth" in line["exception.stacktrace"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.frozensets(st.text()),
    max_leaves=10,
)


@settings(deadline=None, max_examples=50)
@given(st.text(), st.dictionaries(st.text(), VALUES))
def test_anything_becomes_one_line_of_json(message: str, fields: dict) -> None:
    assert encode(message, fields)["service"] == "auth"

"""Query strings of both generations."""

import base64

import pytest

from opsconductor.model.errors import InputError
from opsconductor.traces.parameters import (
    Form,
    TimeRange,
    parse_dependencies,
    parse_hint,
    parse_hint_v3,
    parse_search,
    parse_search_v3,
    parse_time,
    parse_trace_id,
)

TIMES = "query.startTimeMin=1970-01-01T00:00:01Z&query.startTimeMax=1970-01-01T00:00:02.5Z"


def test_a_search_of_the_first_generation():
    query = parse_search(
        Form(
            "service=auth&operation=GET+%2Fx&start=1000000&end=2000000&limit=7&minDuration=1.5ms&maxDuration=2s"
            "&tag=a%3Ab%3Ac&tags=%7B%22d%22%3A%22e%22%7D&raw=true"
        )
    )
    assert (query.service, query.operation, query.limit, query.raw) == ("auth", "GET /x", 7, True)
    assert (query.start_ns, query.end_ns) == (10**9, 2 * 10**9)
    assert (query.min_duration_ns, query.max_duration_ns) == (1_500_000, 2 * 10**9)
    assert query.tags == {"a": "b:c", "d": "e"}


def test_defaults_of_the_first_generation():
    query = parse_search(Form(""))
    assert query.end_ns - query.start_ns == 2 * 86_400 * 10**9
    assert (query.limit, query.service, query.tags, query.ids, query.raw) == (100, "", {}, (), False)


@pytest.mark.parametrize("style", ["camel", "snake"])
def test_a_search_of_the_third_generation(style):
    names = {"serviceName": "auth", "operationName": "op", "searchDepth": "7", "durationMin": "1s", "rawTraces": "1"}
    if style == "snake":
        names = {
            "service_name": "auth",
            "operation_name": "op",
            "num_traces": "7",
            "duration_min": "1s",
            "raw_traces": "1",
        }
    times = TIMES if style == "camel" else TIMES.replace("startTimeM", "start_time_m")
    more = "&".join(f"query.{name}={value}" for name, value in names.items())
    query = parse_search_v3(Form(f'{times}&{more}&query.attributes={{"a":"b"}}'))
    assert (query.service, query.operation, query.limit, query.raw) == ("auth", "op", 7, True)
    assert (query.start_ns, query.end_ns, query.min_duration_ns) == (10**9, 2_500_000_000, 10**9)
    assert query.tags == {"a": "b"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "query.startTimeMin and query.startTimeMax are required"),
        ("query.startTimeMin=x&query.startTimeMax=y", 'malformed parameter query.startTimeMin: "x" is not a time'),
        (
            "query.startTimeMin=1970-01-01T00:00:01Z&query.startTimeMax=1970-01-01T00:00:01Z",
            "query.startTimeMin must be before query.startTimeMax",
        ),
        (f"{TIMES}&query.searchDepth=many", "malformed parameter query.searchDepth"),
        (f"{TIMES}&query.searchDepth=0", "search depth must be greater than 0"),
        (f"{TIMES}&query.attributes=x", "malformed 'query.attributes' parameter"),
        (f'{TIMES}&query.attributes={{"a":1}}', "write an object of texts"),
        (f"{TIMES}&query.filter=%7B%7D", "query.filter is not supported"),
        (f"{TIMES}&query.rawTraces=maybe", "neither true nor false"),
    ],
)
def test_bad_searches_of_the_third_generation(query, message):
    with pytest.raises(InputError, match=message):
        parse_search_v3(Form(query))


def test_hints():
    assert parse_hint(Form("start=5&end=7")) == TimeRange(5000, 7000)
    assert parse_hint(Form("")) == TimeRange(None, None)
    found = parse_hint_v3(Form("start_time=1970-01-01T00:00:01Z&endTime=1970-01-01T00:00:02Z"))
    assert found == TimeRange(10**9, 2 * 10**9)


def test_the_range_of_dependencies():
    assert parse_dependencies(Form("endTs=5000&lookback=2000")) == TimeRange(3 * 10**9, 5 * 10**9)
    times = parse_dependencies(Form(""))
    assert times.end_ns - times.start_ns == 86_400 * 10**9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T01:00:00 01:00", 0),
        ("2017-01-26T16:46:31.639875139-05:00", 1485467191639875139),
    ],
)
def test_times(text, expected):
    assert parse_time("t", text) == expected


@pytest.mark.parametrize("text", ["1970-13-01T00:00:00Z", "1970-01-01", "1970-01-01T00:00:00", "now", "0"])
def test_what_is_no_time(text):
    with pytest.raises(InputError, match="malformed parameter t"):
        parse_time("t", text)


ID = bytes(range(240, 256))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", bytes(15) + b"\x01"),
        (ID.hex(), ID),
        (ID.hex().upper(), ID),
        (base64.b64encode(ID).decode(), ID),
        (base64.urlsafe_b64encode(ID).decode().rstrip("="), ID),
        (base64.b64encode(ID[:8]).decode(), ID[:8].rjust(16, b"\0")),
    ],
)
def test_trace_ids(text, expected):
    assert parse_trace_id(text) == expected


@pytest.mark.parametrize("text", ["", "0" * 33, "xyz!", "-1", "+1", "1_0", " 1", "\u0661"])
def test_what_is_no_trace_id(text):
    with pytest.raises(InputError, match="cannot read trace id"):
        parse_trace_id(text)

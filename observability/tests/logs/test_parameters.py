import json

import pytest

from opsconductor.logs.parameters import (
    parse_bounds,
    parse_instant_query,
    parse_limit,
    parse_matchers,
    parse_query,
    parse_range_query,
    parse_step,
    parse_tail_query,
    parse_timestamp,
)
from opsconductor.model.errors import InputError

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("", NOW),
        ("1571332130", 1571332130 * SECOND),
        ("1571334162051000000", 1571334162051000000),
        ("1571332130.934", 1571332130934000000),
        ("0.5", 500_000_000),
        ("2002-10-02T15:00:00Z", 1033570800 * SECOND),
        ("2002-10-02T17:00:00+02:00", 1033570800 * SECOND),
        ("2009-11-10T23:00:00.000000001Z", 1257894000000000001),
        ("-1", -SECOND),
    ],
)
def test_times(text, ns):
    assert parse_timestamp(text, NOW) == ns


@pytest.mark.parametrize("text", ["we", "1_000", " 5", "2002-13-02T15:00:00Z", "1e3", "nan", "9" * 30, "٣"])
def test_what_is_no_time(text):
    with pytest.raises(InputError):
        parse_timestamp(text, NOW)


@pytest.mark.parametrize(
    ("text", "ns"), [("5", 5 * SECOND), ("5.5", 5_500_000_000), ("2m", 120 * SECOND), ("-1", -SECOND)]
)
def test_steps(text, ns):
    assert parse_step(text) == ns


@pytest.mark.parametrize("text", ["a", "-5s", "1e40", "nan", "5 m"])
def test_what_is_no_step(text):
    with pytest.raises(InputError, match="to a valid duration"):
        parse_step(text)


def test_bounds_default_to_the_last_hour():
    assert parse_bounds({}, NOW) == (NOW - 3600 * SECOND, NOW)
    assert parse_bounds({"since": ["5m"]}, NOW) == (NOW - 300 * SECOND, NOW)


def test_since_counts_back_from_an_end_in_the_past_and_from_now_for_one_in_the_future():
    past, future = NOW // SECOND - 100, NOW // SECOND + 100
    assert parse_bounds({"end": [str(past)], "since": ["1m"]}, NOW)[0] == (past - 60) * SECOND
    assert parse_bounds({"end": [str(future)], "since": ["1m"]}, NOW)[0] == NOW - 60 * SECOND


def test_the_step_defaults_to_a_250th_of_the_range_but_a_second_at_least():
    form = {"query": ["x"], "start": ["0"], "end": ["3600"]}
    assert parse_range_query(form, NOW).step == 14 * SECOND
    assert parse_range_query({**form, "end": ["10"]}, NOW).step == SECOND


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"start": ["2"], "end": ["1"]}, "must not be before or equal"),
        ({"start": ["1"], "end": ["1"]}, "must not be before or equal"),
        ({"step": ["0"]}, "zero or negative"),
        ({"start": ["0"], "end": ["20000"], "step": ["1"]}, "11,000 points"),
        ({"limit": ["0"]}, "positive"),
        ({"limit": ["x"]}, 'strconv.Atoi: parsing "x"'),
        ({"direction": ["sideways"]}, "invalid direction 'sideways'"),
        ({"since": ["x"]}, "could not parse 'since'"),
        ({"interval": ["5s"]}, "interval"),
        ({"query": ["x" * 131073]}, "longer than 131072"),
    ],
)
def test_a_bad_range_query_is_refused(form, message):
    with pytest.raises(InputError, match=message):
        parse_range_query(form, NOW)


def test_tail_parameters():
    asked = parse_tail_query({"query": ["q"], "delay_for": ["5"], "limit": ["3"], "start": ["7"]}, NOW)
    assert (asked.query, asked.delay_s, asked.limit, asked.start) == ("q", 5, 3, 7 * SECOND)
    with pytest.raises(InputError, match="can't be greater than 5"):
        parse_tail_query({"delay_for": ["6"]}, NOW)


def test_series_needs_a_matcher():
    assert parse_matchers({"match[]": ["{a}"], "match": ["{b}"]}) == ["{a}", "{b}"]
    with pytest.raises(InputError, match=r"match\[\]"):
        parse_matchers({})


CALLS = {
    "parseTimestamp": lambda row: parse_timestamp(row["in"], NOW),
    "parseSecondsOrDuration": lambda row: parse_step(row["in"]),
    "ParseRangeQuery": lambda row: parse_range_query(row["form"], NOW),
    "ParseInstantQuery": lambda row: parse_instant_query(row["form"], NOW),
    "ParseTailQuery": lambda row: parse_tail_query(row["form"], NOW),
    "ParseLabelQuery": lambda row: parse_bounds(row["form"], NOW),
}


def test_the_originals_vectors(conformance):
    lines = (conformance / "logs/http_param_vectors.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["fn"] in CALLS]
    assert len(rows) > 60
    for row in rows:
        call = CALLS[row["fn"]]
        if "error" in row:
            with pytest.raises(InputError) as raised:
                call(row)
            assert str(raised.value) == row["error"], row
        else:
            check_vector(row, call(row))


def check_vector(row, found):
    if "unix_ns" in row or "ns" in row:
        assert found == row.get("unix_ns", row.get("ns")), row
        return
    wanted = row["parsed"]
    if row["fn"] == "ParseLabelQuery":
        assert found == tuple(parse_timestamp(wanted[name], 0) for name in ("start", "end"))
        return
    limit, query = wanted.get("Limit", wanted.get("limit")), wanted.get("Query", wanted.get("query"))
    assert (found.limit, found.query) == (limit, query), row
    if row["fn"] == "ParseRangeQuery":
        times = tuple(parse_timestamp(wanted[name], 0) for name in ("Start", "End"))
        assert (found.start, found.end, found.step) == (*times, wanted["Step"]), row
        assert found.forward == (wanted["Direction"] == 0), row
    elif row["fn"] == "ParseTailQuery":
        assert (found.delay_s, found.start) == (wanted["delayFor"], parse_timestamp(wanted["start"], 0))
    elif "time" in row["form"]:
        assert found.time == parse_timestamp(wanted["Ts"], 0)


def test_small_ones():
    assert parse_limit({}) == 100
    assert parse_query({}) == ""

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from opsconductor.collector.batch import Range, Record
from opsconductor.collector.push import Verdict, encode_sources, judge


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.STORED),
        (204, Verdict.STORED),
        (302, Verdict.RETRY),
        (400, Verdict.REFUSED),
        (401, Verdict.RETRY),
        (404, Verdict.RETRY),
        (409, Verdict.REFUSED),
        (413, Verdict.REFUSED),
        (422, Verdict.REFUSED),
        (429, Verdict.RETRY),
        (500, Verdict.RETRY),
        (507, Verdict.RETRY),
    ],
)
def test_what_a_status_means(status: int, verdict: Verdict) -> None:
    answer = judge(httpx.Response(status, text="why"))
    assert (answer.verdict, answer.status) == (verdict, status)


def test_a_conflict_carries_the_committed_offsets() -> None:
    answer = judge(httpx.Response(409, json={"committed": {"a": 5, "b": 0}}))
    assert (answer.verdict, answer.committed) == (Verdict.CONFLICT, {"a": 5, "b": 0})


def test_retry_after_in_seconds_and_as_a_date() -> None:
    def wait(text: str) -> float:
        return judge(httpx.Response(429, headers={"Retry-After": text})).wait

    assert wait("7") == 7.0
    assert 50 < wait(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)) <= 60
    assert wait("Thu, 01 Jan 1970 00:00:00 GMT") == 0.0
    assert wait("soon") == 0.0


def test_sources_are_base64_of_a_json_list() -> None:
    record = Record(1, 1, 1, (Range("a", 0, 5, False, b""), Range("b", 2, 3, True, b"")), b"")
    assert json.loads(base64.b64decode(encode_sources(record))) == [
        {"id": "a", "start": 0, "end": 5, "gap": False},
        {"id": "b", "start": 2, "end": 3, "gap": True},
    ]

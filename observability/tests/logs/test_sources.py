import base64
import json

import pytest

from opsconductor.logs.sources import parse_sources
from opsconductor.model.errors import InputError
from opsconductor.storage.append import SourceRange


def encode(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


def test_ranges_are_read():
    header = encode([{"id": "a", "start": 0, "end": 5}, {"id": "b", "start": 7, "end": 9, "gap": True}])
    assert parse_sources(header) == (SourceRange("a", 0, 5), SourceRange("b", 7, 9, gap=True))
    assert parse_sources("") == ()


@pytest.mark.parametrize(
    "header",
    [
        "not base64!",
        "é",
        base64.b64encode(b"{").decode(),
        encode({}),
        encode([1]),
        encode([{"id": "", "start": 0, "end": 1}]),
        encode([{"id": "a", "start": 2, "end": 1}]),
        encode([{"id": "a", "start": -1, "end": 1}]),
        encode([{"id": "a", "start": 0}]),
        encode([{"id": 1, "start": 0, "end": 1}]),
        encode([{"id": "a", "start": 0, "end": 2**63}]),
        encode([{"id": "a", "start": 0, "end": 1.5}]),
    ],
)
def test_what_is_no_list_of_ranges_is_refused(header):
    with pytest.raises(InputError, match="X-Opsconductor-Sources"):
        parse_sources(header)

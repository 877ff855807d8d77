import pytest

from opsconductor.storage.append import SourceRange
from opsconductor.storage.sources import SourceTable, Verdict, drop_unused

R = SourceRange
STORE, COMMITTED, CONFLICT = Verdict.STORE, Verdict.COMMITTED, Verdict.CONFLICT


@pytest.mark.parametrize(
    ("ranges", "verdict"),
    [
        ([], STORE),
        ([R("new", 0, 10)], STORE),
        ([R("new", 70, 80)], STORE),  # a store that lost its memory takes what comes
        ([R("a", 100, 150)], STORE),
        ([R("a", 100, 100)], COMMITTED),
        ([R("a", 0, 100)], COMMITTED),
        ([R("a", 50, 100)], COMMITTED),
        ([R("a", 20, 60)], COMMITTED),
        ([R("a", 50, 101)], CONFLICT),
        ([R("a", 101, 150)], CONFLICT),
        ([R("a", 150, 200, gap=True)], STORE),
        ([R("a", 50, 200, gap=True)], CONFLICT),
        ([R("a", 100, 200, gap=True)], STORE),
        ([R("a", 20, 60, gap=True)], COMMITTED),
        ([R("a", 100, 150), R("b", 5, 9)], STORE),
        ([R("a", 100, 150), R("new", 5, 9)], STORE),
        ([R("a", 0, 100), R("b", 0, 5)], COMMITTED),
        ([R("a", 0, 100), R("b", 5, 9)], CONFLICT),
        ([R("a", 0, 100), R("new", 0, 9)], CONFLICT),
        ([R("a", 100, 150), R("a", 150, 160)], STORE),
        ([R("a", 100, 150), R("a", 160, 170)], CONFLICT),
        ([R("a", 100, 150), R("a", 160, 170, gap=True)], STORE),
        ([R("a", 100, 150), R("a", 100, 150)], CONFLICT),
        ([R("new", 0, 5), R("new", 5, 9)], STORE),
        ([R("new", 0, 5), R("new", 6, 9)], CONFLICT),
        ([R("staged", 0, 7)], COMMITTED),
        ([R("staged", 7, 9)], STORE),
        ([R("b", 5, 9), R("staged", 0, 9)], CONFLICT),
    ],
)
def test_judgement(ranges: list[SourceRange], verdict: Verdict) -> None:
    table = SourceTable({"t": {"a": (100, 1), "b": (5, 1)}, "other": {"new": (50, 1)}})
    assert table.judge("t", ranges, {("t", "staged"): 7}) is verdict


def test_named_gives_what_is_known() -> None:
    table = SourceTable({"t": {"a": (100, 1)}})
    named = table.named("t", [R("a", 1, 2), R("b", 1, 2), R("c", 1, 2)], {("t", "c"): 9})
    assert named == {"a": 100, "c": 9}


def test_unused_sources_are_forgotten() -> None:
    table = SourceTable({"t": {"old": (1, 10), "new": (2, 20)}, "gone": {"old": (1, 10)}})
    table.forget(15)
    assert table.export() == {"t": {"new": (2, 20)}}
    table.move("t", "old", 7, 30)
    assert table.committed("t") == {"new": 2, "old": 7}
    assert drop_unused(table.export(), 25) == {"t": {"old": (7, 30)}}

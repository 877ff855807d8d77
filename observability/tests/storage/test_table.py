import pyarrow as pa
import pytest

from opsconductor.storage.table import TableSpec

TIME, SERIES = ("time", pa.int64()), ("series", pa.uint64())


def test_the_engine_adds_the_sequence() -> None:
    table = TableSpec("t", pa.schema([TIME, SERIES, ("value", pa.float64())]), 10)
    assert table.schema.names == ["time", "series", "value", "sequence"]
    assert table.schema.field("sequence").type == pa.uint64()


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        ([SERIES], {}),
        ([("time", pa.timestamp("ns")), SERIES], {}),
        ([TIME, ("series", pa.int64())], {}),
        ([TIME, SERIES, ("sequence", pa.uint64())], {}),
        ([TIME, SERIES], {"bucket_ns": 0}),
        ([TIME, SERIES], {"identity": ("time", "series", "line")}),
        ([TIME, SERIES], {"identity": ("time",)}),
        ([TIME, SERIES], {"plain": ("line",)}),
    ],
)
def test_a_table_that_breaks_the_rules_is_refused(columns: list[tuple[str, pa.DataType]], options: dict) -> None:
    with pytest.raises(ValueError, match="cannot define table"):
        TableSpec("t", pa.schema(columns), **{"bucket_ns": 1, **options})

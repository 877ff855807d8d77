from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, create_engine, insert, select, text
from sqlalchemy.exc import OperationalError

from opsconductor_telemetry import instrument_sqlalchemy, start_span
from opsconductor_telemetry.instruments import QUERIED
from opsconductor_telemetry.sql import MAX_STATEMENT, read_statement

TABLE = Table("runs", MetaData(), Column("id", Integer, primary_key=True), Column("name", String))


@pytest.fixture
def engine(tmp_path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path}/base")
    TABLE.metadata.create_all(engine)
    instrument_sqlalchemy(engine)
    yield engine
    engine.dispose()


def count(operation: str, error: str = "") -> int:
    series = dict(QUERIED.collect_distributions())
    found = series.get(("sqlite", operation, error))
    return sum(found.counts) if found else 0


def test_each_statement_is_a_child_without_its_values(engine, exported) -> None:
    with start_span("work") as work, engine.begin() as connection:
        connection.execute(insert(TABLE), [{"name": "secret one"}, {"name": "secret two"}])
        connection.execute(select(TABLE.c.name).where(TABLE.c.name == "secret three"))
        connection.execute(text("UPDATE runs SET name = 'secret four' WHERE id = 77"))
    *statements, _ = exported()
    assert [(span.name, span.kind, span.parent_id) for span in statements] == [
        (f"{operation} runs", "client", work.span_id) for operation in ("INSERT", "SELECT", "UPDATE")
    ]
    assert "secret" not in str(statements)
    update = statements[-1].attributes
    assert update.pop("db.namespace").endswith("/base")
    assert update == {
        "db.system.name": "sqlite",
        "db.operation.name": "UPDATE",
        "db.collection.name": "runs",
        "db.query.text": "UPDATE runs SET name = ? WHERE id = ?",
    }


def test_a_failure_fails_its_span_and_is_counted(engine, exported) -> None:
    before = count("SELECT", "sqlite3.OperationalError")
    with start_span("work"), engine.connect() as connection:
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT secret FROM nowhere"))
        connection.execute(text("SELECT name FROM runs"))
    failed, good, work = exported()
    assert (failed.failed, failed.attributes["error.type"]) == (True, "sqlite3.OperationalError")
    assert not good.failed
    assert not work.failed
    assert count("SELECT", "sqlite3.OperationalError") == before + 1


def test_outside_of_a_trace_a_statement_is_counted_only(engine, exported) -> None:
    before = count("SELECT")
    with engine.connect() as connection:
        connection.execute(select(TABLE))
    assert exported() == []
    assert count("SELECT") == before + 1


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT runs.id AS a FROM runs WHERE runs.id = %(id_1)s LIMIT 10", ("SELECT", "runs", "… LIMIT ?")),
        ('insert into "runs" (name) VALUES (%(name_0)s)', ("INSERT", "runs", "…")),
        ("DELETE FROM ONLY public.runs WHERE name = 'it''s'", ("DELETE", "public.runs", "… = ?")),
        ("-- why\n/* what */ SELECT 1.5", ("SELECT", "", "… SELECT ?")),
        ("CREATE TABLE IF NOT EXISTS x (a int)", ("CREATE", "x", "…")),
        ("SAVEPOINT sa_1", ("SAVEPOINT", "", "…")),
        ("", ("", "", "")),
        ("(((", ("", "", "…")),
    ],
)
def test_statements_are_described(statement, expected) -> None:
    read = read_statement(statement)
    assert (read.operation, read.table) == expected[:2]
    assert read.text.endswith(expected[2].removeprefix("…"))


def test_a_long_statement_is_cut() -> None:
    assert len(read_statement("SELECT " + "x, " * 10_000).text) == MAX_STATEMENT

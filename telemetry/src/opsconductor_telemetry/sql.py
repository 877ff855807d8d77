"""Statements of SQLAlchemy's engines, by its own events. Values never leave the process: the text has none."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from opsconductor_telemetry.database import Operation

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import ExceptionContext

MAX_STATEMENT = 4096
"""Characters of a statement that are looked at and sent."""

SYSTEMS = {"postgresql": "postgresql", "mysql": "mysql", "sqlite": "sqlite", "mssql": "microsoft.sql_server"}

_OPERATION = re.compile(r"\s*(?:(?:--[^\n]*\n|/\*.*?\*/)\s*)*([a-zA-Z]+)", re.DOTALL)
_TABLE = re.compile(
    r"\b(?:from|into|update|table)\s+(?:only\s+|if\s+(?:not\s+)?exists\s+)?\"?([\w.]+)", re.IGNORECASE
)
_VALUE = re.compile(r"'(?:[^']|'')*'|(?<![\w$])\d+(?:\.\d+)?\b")
_HELD = "opsconductor_telemetry_operation"


class Statement(NamedTuple):
    """operation: SELECT, INSERT …; table: the first that is named, "" for none; text: with ? for every literal."""

    operation: str
    table: str
    text: str


def instrument_sqlalchemy(engine: "Engine") -> None:
    """Make a span and an observation of each statement that this engine executes."""
    from sqlalchemy import event

    system = SYSTEMS.get(engine.dialect.name, "other_sql")
    place = {"db.namespace": engine.url.database, "server.address": engine.url.host, "server.port": engine.url.port}

    def begin(_connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        read = read_statement(statement)
        name = f"{read.operation} {read.table}".rstrip()
        attributes = {"db.collection.name": read.table or None, "db.query.text": read.text, **place}
        setattr(context, _HELD, Operation(system, read.operation, name, attributes))

    def end(_connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        _finish(context, None)

    def fail(failure: "ExceptionContext") -> None:
        _finish(failure.execution_context, failure.original_exception)

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", fail)


@lru_cache(512)
def read_statement(statement: str) -> Statement:
    """What a statement does, to what, and its text without literals."""
    text = statement[:MAX_STATEMENT]
    operation, table = _OPERATION.match(text), _TABLE.search(text)
    return Statement(
        operation[1].upper() if operation else "",
        table[1] if table else "",
        _VALUE.sub("?", text),
    )


def _finish(context: Any, error: BaseException | None) -> None:
    operation = getattr(context, _HELD, None)
    if isinstance(operation, Operation):
        delattr(context, _HELD)
        operation.finish(error)

"""What a query can be refused for; every one is an InputError, so HTTP 400."""

from opsconductor.model.errors import InputError, LimitError, OpsConductorError


class ParseError(InputError):
    """The text is not LogQL. `line` and `column` start at 1; both are 0 where the whole query is meant.

    The wording, "parse error at line 1, col 20: …", is Loki's, because clients show it and some of them read it.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        where = f" at line {line}, col {column}:" if line else " :"
        super().__init__(f"parse error{where} {message}")
        self.line = line
        self.column = column


class UnsupportedError(InputError):
    """The text is LogQL that is not evaluated yet. `construct` is its name, `line` and `column` its place."""

    def __init__(self, construct: str, line: int, column: int) -> None:
        super().__init__(f"cannot evaluate `{construct}`: not supported yet (line {line}, col {column})")
        self.construct = construct
        self.line = line
        self.column = column


class QueryError(InputError):
    """The query is well formed but cannot be answered for the data at hand, such as a match of many to many."""


class QueryTimeoutError(LimitError):
    """The query ran past its deadline. Maps to HTTP 504. Spec: Loki's query_timeout."""

    def __init__(self) -> None:
        super().__init__(
            "cannot finish query: the deadline (query_timeout) has passed; narrow the time range or the selector",
            "query_timeout",
            504,
        )


class QueryCancelledError(OpsConductorError):
    """The asker has left, so the query was stopped."""

    def __init__(self) -> None:
        super().__init__("cannot finish query: it was cancelled because its client left")

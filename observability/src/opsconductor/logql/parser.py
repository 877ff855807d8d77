"""The text of a query → its tree."""

from opsconductor.logql.syntax import Expression


def parse(text: str) -> Expression:
    """The tree of a query. Raises ParseError or UnsupportedError, both InputErrors with line and column."""
    raise NotImplementedError(text)

"""Errors of PromQL, with the position in the text."""

from opsconductor.model.errors import InputError


class QueryError(InputError):
    """The query text is wrong. `position` counts characters from 0; the message starts with line:column from 1."""

    def __init__(self, message: str, text: str, position: int) -> None:
        line = text.count("\n", 0, position) + 1
        column = position - (text.rfind("\n", 0, position) + 1) + 1
        super().__init__(f"{line}:{column}: parse error: {message}")
        self.position = position


class EvaluationError(InputError):
    """The query is well formed but cannot be computed on this data."""

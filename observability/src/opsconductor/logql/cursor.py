"""A place in a query's tokens, and the errors of what is found there."""

from opsconductor.logql.errors import ParseError, UnsupportedError
from opsconductor.logql.lexer import Token, tokenize
from opsconductor.logql.syntax import Position

MAX_DEPTH = 200
"""How deep parentheses and operators may nest, so that no query can exhaust the stack."""


class Cursor:
    """Reads tokens one by one, with one token of sight."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokenize(text)
        self._at = 0
        self._depth = 0

    @property
    def token(self) -> Token:
        """The token that comes next. Raises ParseError where the text cannot be read on."""
        token = self._tokens[self._at]
        if token.kind == "$error":
            raise ParseError(str(token.value), token.line, token.column)
        return token

    @property
    def kind(self) -> str:
        """The kind of the token that comes next."""
        return self.token.kind

    @property
    def place(self) -> Position:
        """Where the next token starts."""
        return Position(self.token.line, self.token.column)

    def peek(self, ahead: int) -> str:
        """The kind of the token so many places after the next one."""
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)].kind

    def take(self) -> Token:
        """The next token, consumed."""
        token = self.token
        if token.kind != "$end":
            self._at += 1
        return token

    def accept(self, *kinds: str) -> Token | None:
        """The next token, consumed, if it is of one of the kinds."""
        return self.take() if self.kind in kinds else None

    def expect(self, *kinds: str) -> Token:
        """The next token, which must be of one of the kinds."""
        if self.kind not in kinds:
            raise self.unexpected(*kinds)
        return self.take()

    def unexpected(self, *kinds: str) -> ParseError:
        """The error of a next token that does not belong here; `kinds` are those that would."""
        expecting = f", expecting {' or '.join(kinds)}" if kinds else ""
        return self.fail(f"syntax error: unexpected {self.kind}{expecting}")

    def fail(self, message: str, at: Position | None = None) -> ParseError:
        """An error at the next token, or at a given place."""
        place = at or self.place
        return ParseError(message, place.line, place.column)

    def refuse(self, construct: str, at: Position | None = None) -> UnsupportedError:
        """The error of a construct that is LogQL but not evaluated yet."""
        place = at or self.place
        return UnsupportedError(construct, place.line, place.column)

    def descend(self) -> None:
        """Enter a nested construct; every call needs an `ascend`."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.fail(f"cannot read query: it nests deeper than {MAX_DEPTH} levels; simplify it")

    def ascend(self) -> None:
        """Leave a nested construct."""
        self._depth -= 1

"""Tokens of PromQL. Spec: Prometheus 3 querying/basics and promql/parser/lex."""

import re
from dataclasses import dataclass

from opsconductor.promql.errors import QueryError


@dataclass(frozen=True)
class Token:
    """kind: "name", "number", "duration", "string", "operator" or "end"."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the token ends."""
        return self.start + len(self.text)


_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![a-zA-Z0-9_.]))
    |(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
    |(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    |(?P<operator>=~|!~|==|!=|>=|<=|[-+*/%^=<>(){}\[\],@:])""",
    re.VERBOSE,
)


def read_tokens(text: str) -> list[Token]:
    """The tokens, "end" last. Raises QueryError at the first character that starts none."""
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            what = "unterminated quoted string" if text[at] in "\"'`" else f"unexpected character: {text[at]!r}"
            raise QueryError(what, text, at)
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    tokens.append(Token("end", "", len(text)))
    return tokens

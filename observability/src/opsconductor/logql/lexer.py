"""The text of a query → tokens.

Spec: Loki's LogQL lexer, which is Go's text/scanner with durations, sizes, ranges and parser flags on top. Words are
keywords in any case; the name of a function is one only before "(", by or without, so that labels may bear it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from opsconductor.model.duration import parse_duration
from opsconductor.model.errors import InputError
from opsconductor.model.labels import unquote

FUNCTIONS = frozenset({
    "rate", "rate_counter", "count_over_time", "bytes_rate", "bytes_over_time", "avg_over_time",
    "sum_over_time", "min_over_time", "max_over_time", "stdvar_over_time", "stddev_over_time",
    "quantile_over_time", "first_over_time", "last_over_time", "absent_over_time", "vector", "sum", "avg",
    "min", "max", "count", "stddev", "stdvar", "topk", "bottomk", "approx_topk", "sort", "sort_desc",
    "label_replace", "bytes", "duration", "duration_seconds", "ip",
})  # fmt: skip
KEYWORDS = frozenset({
    "by", "without", "bool", "and", "or", "unless", "on", "ignoring", "group_left", "group_right", "offset",
    "json", "regexp", "unpack", "logfmt", "pattern", "label_format", "line_format", "unwrap", "drop",
    "keep", "decolorize",
})  # fmt: skip
FLAGS = frozenset(["--strict", "--keep-empty"])
SIZES = {
    "": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50,
    "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
}  # fmt: skip

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
    | (?P<string>"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"|`[^`]*`)
    | (?P<range>\[(?P<inside>[^\]]*)\])
    | (?P<number>0[xX][0-9a-fA-F_.]*(?:[pP][+-]?\d+)?|0[bB][01_]*|0[oO][0-7_]*|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d]\w*)
    | (?P<flag>--[a-z-]+)
    | (?P<sign>\|=|\|~|\|>|!=|!~|!>|=~|==|>=|<=|[{}()=,|<>+\-*/%^])
    """,
    re.VERBOSE | re.DOTALL,
)
_UNIT = re.compile(r"[0-9nuµmshdwy.]+")
_SIZE = re.compile(r"[0-9.BikKMGTP]+")
_SIZED = re.compile(r"([0-9.]+)([A-Za-z]*)")
_CALL = re.compile(r"\s*(?:\(|(?:by|without)\b)", re.IGNORECASE)
_ORDERED = re.compile(
    r"(?=.)(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?$"
)  # Prometheus's durations: whole numbers, largest unit first
_WORDY = re.compile(r"[0-9.]+([a-zA-Z]{3,})$")
_GO = re.compile(r"(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+$")


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `kind` is what an error calls it; `text` is as written; `value` what it stands for."""

    kind: str
    text: str
    line: int
    column: int
    value: str | float = ""


def read_duration(text: str) -> int:
    """Nanoseconds of a duration: 1d2h (whole units, largest first) or 1.5h (as Go writes it). Raises InputError."""
    if text == "0" or not (_ORDERED.match(text) or _GO.match(text)):
        unit = _WORDY.match(text)
        what = f'unknown unit "{unit.group(1)}" in duration' if unit else "not a valid duration string:"
        raise InputError(f'{what} "{text}"')
    return parse_duration(text)


def read_size(text: str) -> int:
    """Bytes of a size such as 20MB, 2.5KiB or 512; the fraction of a byte is cut. Raises InputError."""
    match = _SIZED.fullmatch(text)
    if match is None or match.group(2) not in SIZES or match.group(1).count(".") > 1 or match.group(1) == ".":
        raise InputError(f'not a valid size: "{text}"; write a number and a unit, such as 20MB')
    return int(float(match.group(1)) * SIZES[match.group(2)])


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.line_start = 0

    def token(self, kind: str, end: int, value: str | float = "") -> Token:
        text = self.text[self.at : end]
        token = Token(kind, text, self.line, self.at - self.line_start + 1, value)
        breaks = text.count("\n")
        if breaks:
            self.line += breaks
            self.line_start = self.at + text.rindex("\n") + 1
        self.at = end
        return token

    def tokens(self) -> Iterator[Token]:
        while self.at < len(self.text):
            try:
                token = self.read()
            except InputError as error:
                yield self.token("$error", len(self.text), str(error))
                return
            if token.kind:
                yield token
        yield Token("$end", "", self.line, self.at - self.line_start + 1)

    def read(self) -> Token:
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            return self.unknown()
        end = match.end()
        match match.lastgroup:
            case "space":
                return self.token("", end)
            case "string":
                return self.string(match.group())
            case "range" | "inside":
                return self.token("RANGE", end, read_duration(match.group("inside")))
            case "number":
                return self.number(match.group(), end)
            case "word":
                return self.word(match.group(), end)
            case "flag":
                return self.flag(match.group(), end)
        return self.token(match.group(), end)

    def unknown(self) -> Token:
        char = self.text[self.at]
        if char in '"`':
            raise InputError("literal not terminated")
        if char == "[":
            raise InputError("missing closing ']' in duration")
        return self.token(char, self.at + 1)

    def string(self, text: str) -> Token:
        try:
            value = unquote(text)
        except InputError as error:
            raise InputError("invalid char escape") from error
        return self.token("STRING", self.at + len(text), value)

    def number(self, text: str, end: int) -> Token:
        for kind, pattern, read in (("DURATION", _UNIT, read_duration), ("BYTES", _SIZE, read_size)):
            more = pattern.match(self.text, end)
            if more is None:
                continue
            try:
                return self.token(kind, more.end(), read(text + more.group()))
            except InputError:
                continue
        return self.token("NUMBER", end, text)

    def word(self, text: str, end: int) -> Token:
        lower = text.lower()
        if lower in KEYWORDS:
            return self.token(lower, end)
        if lower in FUNCTIONS and _CALL.match(self.text, end):
            return self.token("ip" if lower == "ip" else lower.upper(), end, lower)
        return self.token("IDENTIFIER", end)

    def flag(self, text: str, end: int) -> Token:
        if text in FLAGS:
            return self.token("PARSER_FLAG", end)
        return self.token("-", self.at + 1)


def tokenize(text: str) -> list[Token]:
    """The tokens of a query, the last of kind "$end", or "$error" with the message where the text cannot be read on.

    An error is a token, so that one in the grammar before it is reported first.
    """
    return list(_Lexer(text).tokens())

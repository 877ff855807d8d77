"""| logfmt: labels from key=value pairs. Spec: https://grafana.com/docs/loki/latest/query/log_queries/#logfmt"""

import re
from collections.abc import Iterator

from opsconductor.logql.operators.label_name import sanitize_key
from opsconductor.logql.operators.row import Operator, Row
from opsconductor.logql.syntax import LogfmtStage
from opsconductor.model.errors import InputError

PARSER_ERROR = "LogfmtParserErr"
_BROKEN = "\ufffd"
_SPACE = re.compile(r"[\x00-\x20]*")
_WORD_END = re.compile(r"[\x00-\x20]")
_KEY_END = re.compile(r'[\x00-\x20="]')
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SIMPLE = {'"': '"', "\\": "\\", "/": "/", "'": "'", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class PairError(InputError):
    """The text is not logfmt from the character `at` on."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at

    def describe(self, line: str) -> str:
        """The error in the words of go-logfmt, which counts bytes from 1."""
        return f"logfmt syntax error at pos {len(line[: self.at].encode()) + 1} : {self}"


def scan_pairs(line: str, strict: bool) -> Iterator[tuple[str, str]]:
    """(key, value) of each pair; a key alone has the value "". If strict raises PairError, else skips the fault.

    Spec: go-logfmt's decoder.
    """
    at = _skip(line, 0)
    while at < len(line):
        try:
            key, value, at = _scan_pair(line, at)
        except PairError:
            if strict:
                raise
            at = _skip(line, _word_end(line, at))
            continue
        yield key, value
        at = _skip(line, at)


def _scan_pair(line: str, at: int) -> tuple[str, str, int]:
    start = at
    stop = _KEY_END.search(line, at)
    at = stop.start() if stop else len(line)
    key = line[start:at]
    if stop is not None and stop.group() == '"':
        raise _unexpected(line, at)
    if not key:
        raise _unexpected(line, at)
    if _BROKEN in key:
        raise PairError(at, "invalid key")
    if stop is None or stop.group() != "=":
        return key, "", at
    at += 1
    if line[at : at + 1] == '"':
        return key, *_scan_quoted(line, at)
    stop = _KEY_END.search(line, at)
    if stop is not None and stop.group() in '="':
        raise _unexpected(line, stop.start())
    end = stop.start() if stop else len(line)
    return key, line[at:end], end


def _scan_quoted(line: str, at: int) -> tuple[str, int]:
    match = _QUOTED.match(line, at)
    if match is None:
        raise PairError(len(line), "unterminated quoted value")
    inside = match.group(1)
    if "\\" in inside:
        try:
            inside = _ESCAPE.sub(_replace, inside)
        except KeyError as error:
            raise PairError(match.end(), "invalid quoted value") from error
    return inside, match.end()


def _replace(match: re.Match[str]) -> str:
    code, simple = match.groups()
    return chr(int(code, 16)) if code else _SIMPLE[simple]


def _unexpected(line: str, at: int) -> PairError:
    return PairError(at, f"unexpected {line[at]!r}")


def _skip(line: str, at: int) -> int:
    match = _SPACE.match(line, at)
    return match.end() if match else at


def _word_end(line: str, at: int) -> int:
    match = _WORD_END.search(line, at)
    return match.start() if match else len(line)


def compile_logfmt(stage: LogfmtStage) -> Operator:
    """The operator of a | logfmt stage."""
    if stage.fields:
        return lambda row: _read_fields(row, stage)
    return lambda row: _read_all(row, stage)


def _read_all(row: Row, stage: LogfmtStage) -> bool:
    """Every pair becomes a label, the first of equal keys; a fault ends the line only if strict."""
    parsed = row.parsed
    try:
        for key, value in scan_pairs(row.line, stage.strict):
            if not value and not stage.keep_empty:
                continue
            name = row.parsed_name(sanitize_key(key))
            if name not in parsed:
                parsed[name] = value.replace(_BROKEN, " ")
    except PairError as error:
        row.fail(PARSER_ERROR, error.describe(row.line))
    return True


def _read_fields(row: Row, stage: LogfmtStage) -> bool:
    """A label for each field; "" where the line has no such key."""
    try:
        for key, value in scan_pairs(row.line, stage.strict):
            for field in stage.fields:
                if field.source == key:
                    row.parsed[row.parsed_name(field.label)] = value.replace(_BROKEN, " ")
    except PairError as error:
        row.fail(PARSER_ERROR, error.describe(row.line))
    for field in stage.fields:
        if row.get(field.label) is None:
            row.parsed[field.label] = ""
    return True

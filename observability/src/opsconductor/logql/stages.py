"""The stages of a log query: tokens after the selector → tree."""

from typing import Literal, cast

from opsconductor.logql.cursor import Cursor
from opsconductor.logql.errors import ParseError
from opsconductor.logql.path import read_json_path, read_logfmt_key
from opsconductor.logql.regex import compile_regex
from opsconductor.logql.syntax import (
    AmountFilter,
    CompareOp,
    DropStage,
    Extraction,
    FilterPair,
    JsonStage,
    KeepStage,
    LabelFilter,
    LabelFilterStage,
    LineFilter,
    LogfmtStage,
    Matcher,
    MatchOp,
    Stage,
    StringFilter,
    Target,
    Unit,
)
from opsconductor.model.errors import InputError
from opsconductor.model.labels import quote

_FILTERS = ("|=", "|~", "!=", "!~", "|>", "!>")
_MATCHES = ("=", "!=", "=~", "!~")
_COMPARES = (">", ">=", "<", "<=", "==")
_LATER = ("regexp", "pattern", "unpack", "line_format", "label_format", "decolorize", "unwrap")
_UNITS: dict[str, Unit] = {"NUMBER": "number", "DURATION": "duration", "BYTES": "bytes"}
_OR, _AND = 1, 2


def parse_matcher(cursor: Cursor) -> Matcher:
    """One matcher, name op "value"."""
    at = cursor.place
    name = cursor.expect("IDENTIFIER").text
    op = MatchOp(cursor.expect("=", "=~", "!~", "!=").kind)
    value = str(cursor.expect("STRING").value)
    _check_regex(op in (MatchOp.REGEX, MatchOp.NOT_REGEX), value)
    return Matcher(name, op, value, at)


def parse_stages(cursor: Cursor) -> tuple[Stage, ...]:
    """Every line filter and | stage from here on."""
    stages: list[Stage] = []
    while True:
        if cursor.kind in _FILTERS:
            stages.append(_parse_line_filter(cursor))
        elif cursor.kind == "|":
            stages.append(_parse_stage(cursor))
        else:
            return tuple(stages)


def _check_regex(regex: bool, pattern: str, stage: str = "") -> None:
    if not regex:
        return
    try:
        compile_regex(pattern)
    except InputError as error:
        raise ParseError(f"{stage}{error}") from error


def _parse_line_filter(cursor: Cursor) -> LineFilter:
    at, op = cursor.place, cursor.take().kind
    if op in ("|>", "!>"):
        raise cursor.refuse(op, at)
    needles = [_parse_needle(cursor, op)]
    while cursor.accept("or"):
        needles.append(_parse_needle(cursor, op))
    return LineFilter(cast('Literal["|=", "!=", "|~", "!~"]', op), tuple(needles), at)


def _parse_needle(cursor: Cursor, op: str) -> str:
    if cursor.kind == "ip":
        raise cursor.refuse(f"{op} ip()")
    text = str(cursor.expect("STRING", "ip").value)
    _check_regex(op in ("|~", "!~"), text, f"stage '{op} {quote(text)}' : ")
    return text


def _parse_stage(cursor: Cursor) -> Stage:
    at = cursor.place
    cursor.take()
    kind = cursor.kind
    if kind in _LATER:
        raise cursor.refuse(f"| {kind}", at)
    if kind == "json":
        cursor.take()
        return JsonStage(_parse_extractions(cursor, "json"), at)
    if kind == "logfmt":
        cursor.take()
        flags = set()
        while flag := cursor.accept("PARSER_FLAG"):
            flags.add(flag.text)
        fields = _parse_extractions(cursor, "logfmt")
        return LogfmtStage("--strict" in flags, "--keep-empty" in flags, fields, at)
    if kind in ("drop", "keep"):
        cursor.take()
        targets = _parse_targets(cursor)
        return DropStage(targets, at) if kind == "drop" else KeepStage(targets, at)
    return LabelFilterStage(_parse_condition(cursor, _OR))


def _parse_extractions(cursor: Cursor, stage: str) -> tuple[Extraction, ...]:
    fields: list[Extraction] = []
    while cursor.kind == "IDENTIFIER":
        label = cursor.take().text
        source = str(cursor.expect("STRING").value) if cursor.accept("=") else label
        try:
            path = read_json_path(source) if stage == "json" else read_logfmt_key(source)
        except InputError as error:
            raise ParseError(f"stage '| {stage} {label}={quote(source)}' : {error}") from error
        fields.append(Extraction(label, source, path))
        if not cursor.accept(","):
            break
        if cursor.kind != "IDENTIFIER":
            raise cursor.unexpected("IDENTIFIER")
    return tuple(fields)


def _parse_targets(cursor: Cursor) -> tuple[Target, ...]:
    targets = [_parse_target(cursor)]
    while cursor.accept(","):
        targets.append(_parse_target(cursor))
    return tuple(targets)


def _parse_target(cursor: Cursor) -> Target:
    if cursor.kind == "IDENTIFIER" and cursor.peek(1) in _MATCHES:
        matcher = parse_matcher(cursor)
        return Target(matcher.name, matcher)
    return Target(cursor.expect("IDENTIFIER").text)


def _parse_condition(cursor: Cursor, level: int) -> LabelFilter:
    """Label filters, `and` before `or`; a comma or a space means and, with all that follows as its right side."""
    cursor.descend()
    left = _parse_condition_unit(cursor)
    while True:
        if cursor.kind == "or" and level <= _OR:
            cursor.take()
            left = FilterPair(False, left, _parse_condition(cursor, _AND))
        elif cursor.accept("and"):
            left = FilterPair(True, left, _parse_condition(cursor, _AND + 1))
        elif cursor.accept(",") or cursor.kind in ("IDENTIFIER", "("):
            left = FilterPair(True, left, _parse_condition(cursor, _OR))
        else:
            cursor.ascend()
            return left


def _parse_condition_unit(cursor: Cursor) -> LabelFilter:
    if cursor.accept("("):
        inner = _parse_condition(cursor, _OR)
        cursor.expect(")")
        return inner
    if cursor.kind != "IDENTIFIER":
        raise cursor.unexpected()
    op, value = cursor.peek(1), cursor.peek(2)
    if op in ("=", "!=") and value == "ip":
        raise cursor.refuse("ip()")
    if op in _COMPARES or (op in ("=", "!=") and value in ("NUMBER", "DURATION", "BYTES", "+", "-")):
        return _parse_amount(cursor)
    return StringFilter(parse_matcher(cursor))


def _parse_amount(cursor: Cursor) -> AmountFilter:
    at = cursor.place
    name = cursor.take().text
    op = cursor.take().kind
    sign = cursor.accept("+", "-")
    if cursor.kind not in (("NUMBER", "DURATION") if sign else _UNITS):
        raise cursor.unexpected()
    token = cursor.take()
    unit = _UNITS[token.kind]
    value = _read_number(token.value)
    text = token.text
    if sign is not None and sign.kind == "-":
        value, text = -value, f"-{text}"
    return AmountFilter(name, cast("CompareOp", "==" if op == "=" else op), unit, value, text, at)


def _read_number(value: str | float) -> float:
    return read_float(value) if isinstance(value, str) else float(value)


def read_float(text: str) -> float:
    """The value of a number token. Raises ParseError for hexadecimal, octal and binary ones, as the original does."""
    try:
        if "_" not in text:
            return float.fromhex(text) if "p" in text.lower() else float(text)
    except (ValueError, OverflowError):
        pass
    why = f'strconv.ParseFloat: parsing "{text}": invalid syntax'
    raise ParseError(f"unable to parse literal as a float: {why}")

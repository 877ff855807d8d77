"""| label op value: keeps lines by their labels.

Spec: https://grafana.com/docs/loki/latest/query/log_queries/#label-filter-expression
"""

import operator
import re
from collections.abc import Callable

from opsconductor.logql.operators.row import Operator, Row
from opsconductor.logql.select import compile_test
from opsconductor.logql.syntax import AmountFilter, FilterPair, LabelFilter, StringFilter, Unit
from opsconductor.model.duration import UNITS_NS

FILTER_ERROR = "LabelFilterErr"
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|infinity|nan)", re.IGNORECASE)
_HEX = re.compile(r"[+-]?0x[0-9a-f]*\.?[0-9a-f]*p[+-]?\d+", re.IGNORECASE)
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_BARE = re.compile(r"\d+\.?\d*|\.\d+")
_WORDY = re.compile(r"[\d.]+([^\d.]+)")
_SIZE = re.compile(r"([0-9.,]*)\s*(.*)", re.DOTALL)
_SIZES = {"": 1, "b": 1} | {
    unit: factor
    for power, letter in enumerate("kmgtpe", start=1)
    for unit, factor in (
        (f"{letter}ib", 1024**power),
        (f"{letter}b", 1000**power),
        (f"{letter}i", 1024**power),
        (letter, 1000**power),
    )
}


def compile_condition(condition: LabelFilter) -> Operator:
    """The operator of a label filter or of a tree of them."""
    if isinstance(condition, StringFilter):
        matcher = condition.matcher
        test, name = compile_test(matcher.op, matcher.value), matcher.name
        return lambda row: test(row.get(name) or "")
    if isinstance(condition, AmountFilter):
        return _compile_amount(condition)
    return _compile_pair(condition)


def _compile_pair(condition: FilterPair) -> Operator:
    left, right = compile_condition(condition.left), compile_condition(condition.right)
    if not condition.both:
        return lambda row: left(row) or right(row)

    def both(row: Row) -> bool:
        kept = left(row)  # The right side runs whatever the left says: it may note an error.
        return right(row) and kept

    return both


def _compile_amount(condition: AmountFilter) -> Operator:
    """Compare a label's value as an amount. Without the label the line goes.

    A value that cannot be read keeps the line, with __error__="LabelFilterErr" unless there is an error already.
    """
    name, wanted, compare, read = condition.name, condition.value, _COMPARE[condition.op], _READ[condition.unit]

    def keep(row: Row) -> bool:
        value = row.find(name)
        if value is None:
            return False
        try:
            return compare(read(value), wanted)
        except ValueError as error:
            if not row.error:
                row.fail(FILTER_ERROR, str(error))
            return True

    return keep


def read_number(text: str) -> float:
    """The value of a decimal or hexadecimal number. Raises ValueError. Spec: Go's strconv.ParseFloat."""
    if _FLOAT.fullmatch(text):
        return float(text)
    if _HEX.fullmatch(text):
        return float.fromhex(text)
    raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax')


def read_duration(text: str) -> float:
    """Nanoseconds of a duration such as 1h30m or -1.5s. Raises ValueError. Spec: Go's time.ParseDuration."""
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return 0.0
    parts = _DURATION.findall(body)
    if not parts or _DURATION.sub("", body):
        unit = _WORDY.fullmatch(body)
        what = f'unknown unit "{unit.group(1)}" in duration' if unit else "invalid duration"
        what = "missing unit in duration" if _BARE.fullmatch(body) else what
        raise ValueError(f'time: {what} "{text}"')
    total = sum(float(number) * UNITS_NS[unit.replace("μ", "µ")] for number, unit in parts)
    return -total if text.startswith("-") else total


def read_bytes(text: str) -> float:
    """Bytes of a size such as 5 MB, 1.5KiB or 42. Raises ValueError. Spec: go-humanize's ParseBytes."""
    match = _SIZE.fullmatch(text)
    number, unit = match.groups() if match else ("", text)
    factor = _SIZES.get(unit.lower().strip())
    value = read_number(number.replace(",", ""))
    if factor is None:
        raise ValueError(f"unhandled size name: {unit.lower().strip()}")
    return float(int(value * factor))


_READ: dict[Unit, Callable[[str], float]] = {
    "number": read_number,
    "duration": read_duration,
    "bytes": read_bytes,
}

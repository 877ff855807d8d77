"""Labels and annotations with {{ $labels.x }} and {{ $value }} in them.

The part of Go's templates that rule files use: $labels.NAME, $value, string literals, and pipes through humanize,
humanize1024, humanizeDuration, humanizePercentage, humanizeTimestamp, printf, toUpper, toLower, title. Anything
else stays visible as an error text in the place of the whole template, as in the original: the alert still goes out.
Spec: Prometheus template reference.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime

from opsconductor.model.labels import Labels, unquote

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|[^\s|]+|\|')

Operand = float | str


class TemplateError(ValueError):
    """The template asks for what is not there."""


def expand_template(text: str, labels: Labels, value: float) -> str:
    """The text with its actions replaced; a wrong one yields "<error expanding template: …>"."""
    if "{{" not in text:
        return text
    named = dict(labels)
    try:
        return _ACTION.sub(lambda match: _show(_run(match[1], named, value)), text)
    except (TemplateError, ValueError, OverflowError) as error:
        return f"<error expanding template: {error}>"


def _run(action: str, labels: dict[str, str], value: float) -> Operand:
    result: Operand | None = None
    for command in _split(action):
        head, *rest = command
        arguments = [_read(word, labels, value) for word in rest]
        if result is not None:
            arguments.append(result)
        if head in FUNCTIONS:
            result = FUNCTIONS[head](*arguments)
        elif not arguments:
            result = _read(head, labels, value)
        else:
            raise TemplateError(f"function {head!r} not defined")
    if result is None:
        raise TemplateError("missing value for command")
    return result


def _split(action: str) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for word in _WORD.findall(action):
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    if not all(commands):
        raise TemplateError("missing value for command")
    return commands


def _read(word: str, labels: dict[str, str], value: float) -> Operand:
    if word in ("$value", ".Value"):
        return value
    for prefix in ("$labels.", ".Labels."):
        if word.startswith(prefix):
            return labels.get(word.removeprefix(prefix), "")
    if word[0] in '"`':
        return unquote(word)
    try:
        return float(word)
    except ValueError:
        raise TemplateError(f"function {word!r} not defined") from None


def _show(value: Operand) -> str:
    return (
        value if isinstance(value, str) else _format(value, 17).rstrip() if math.isfinite(value) else _special(value)
    )


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _format(value: float, digits: int) -> str:
    return repr(value).removesuffix(".0") if digits > 16 else f"{value:.{digits}g}"


def _number(value: Operand) -> float:
    try:
        return float(value)
    except ValueError:
        raise TemplateError(f"{value!r} is not a number") from None


def _scale(value: Operand, base: float, up: str, down: str) -> str:
    number = _number(value)
    if number == 0 or not math.isfinite(number):
        return f"{_format(number, 4)}" if math.isfinite(number) else _special(number)
    prefix = ""
    if abs(number) >= 1:
        for letter in up:
            if abs(number) < base:
                break
            prefix, number = letter, number / base
    else:
        for letter in down:
            if abs(number) >= 1:
                break
            prefix, number = letter, number * base
    return f"{number:.4g}{prefix}"


def _humanize(value: Operand) -> str:
    return _scale(value, 1000.0, "kMGTPEZY", "mµnpfazy")


def _humanize_1024(value: Operand) -> str:
    text = _scale(value, 1024.0, "KMGTPEZY", "")
    return text + "i" if text[-1:].isalpha() and text[-1] in "KMGTPEZY" else text


def _humanize_percentage(value: Operand) -> str:
    return f"{_number(value) * 100:.4g}%"


def _humanize_duration(value: Operand) -> str:
    number = _number(value)
    if not math.isfinite(number):
        return _special(number)
    if abs(number) < 1:
        return f"{_scale(number, 1000.0, '', 'mµnpfazy')}s"
    sign, seconds = ("-" if number < 0 else ""), abs(number)
    minutes, hours, days = int(seconds / 60) % 60, int(seconds / 3600) % 24, int(seconds / 86400)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {int(seconds) % 60}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {int(seconds) % 60}s"
    if minutes:
        return f"{sign}{minutes}m {int(seconds) % 60}s"
    return f"{sign}{seconds:.4g}s"


def _humanize_timestamp(value: Operand) -> str:
    return datetime.fromtimestamp(_number(value), UTC).strftime("%Y-%m-%d %H:%M:%S.%f +0000 UTC")


def _printf(pattern: Operand, *values: Operand) -> str:
    converted = [value if isinstance(value, str) else float(value) for value in values]
    try:
        return str(pattern).replace("%v", "%s") % tuple(converted)
    except TypeError as error:
        raise TemplateError(f"printf: {error}") from error


FUNCTIONS: dict[str, Callable[..., Operand]] = {
    "humanize": _humanize,
    "humanize1024": _humanize_1024,
    "humanizeDuration": _humanize_duration,
    "humanizePercentage": _humanize_percentage,
    "humanizeTimestamp": _humanize_timestamp,
    "printf": _printf,
    "toUpper": lambda text: str(text).upper(),
    "toLower": lambda text: str(text).lower(),
    "title": lambda text: str(text).title(),
}

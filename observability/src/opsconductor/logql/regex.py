"""Regular expressions of a query: RE2 syntax, checked where they are written, with Go's words for what is wrong."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

from opsconductor.model.errors import InputError

_WORDS = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


@lru_cache(maxsize=256)
def compile_regex(pattern: str) -> Any:
    """The compiled pattern. Raises InputError in the words of Go's regexp package. Spec: Go's regexp/syntax, RE2."""
    try:
        return re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        raw = error.args[0]
        what, _, where = (raw.decode() if isinstance(raw, bytes) else str(raw)).partition(": ")
        raise InputError(f"error parsing regexp: {_WORDS.get(what, what)}: `{where}`") from error


@lru_cache(maxsize=256)
def whole_match(pattern: str) -> Callable[[str], bool]:
    """Whether a text as a whole matches, "." matching newlines too. Spec: Prometheus label matchers."""
    compile_regex(pattern)
    match = compile_regex(f"(?s:{pattern})").fullmatch
    return lambda text: match(text) is not None


@lru_cache(maxsize=256)
def part_match(pattern: str) -> Callable[[str], bool]:
    """Whether the pattern matches somewhere in a text. Spec: Loki's line filter |~."""
    search = compile_regex(pattern).search
    return lambda text: search(text) is not None

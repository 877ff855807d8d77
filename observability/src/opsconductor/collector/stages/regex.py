"""Regular expressions of a configuration: RE2 syntax, refused with the line they stand on."""

from typing import Any

import re2

from opsconductor.model.document import Value

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def compile_expression(value: Value, text: str) -> Any:
    """The compiled pattern. Raises ConfigError at the value. Spec: RE2 syntax, as Go's regexp."""
    try:
        return re2.compile(text, _OPTIONS)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise value.fail(f"`{text}` is no RE2 expression: {reason}") from error

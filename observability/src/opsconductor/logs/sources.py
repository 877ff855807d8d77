"""X-Opsconductor-Sources: which part of which file a push holds, so that a resend is invisible."""

import base64
from typing import Any, Final

import orjson

from opsconductor.model.errors import InputError
from opsconductor.storage.append import SourceRange

HEADER: Final = "x-opsconductor-sources"


def parse_sources(header: str) -> tuple[SourceRange, ...]:
    """The ranges of base64 of JSON [{"id", "start", "end", "gap"?}]; none for an empty header. Raises InputError."""
    if not header:
        return ()
    try:
        items = orjson.loads(base64.b64decode(header, validate=True))
    except ValueError as error:
        raise InputError(f"cannot read X-Opsconductor-Sources: {error}; send base64 of a JSON list") from error
    if not isinstance(items, list):
        raise InputError("cannot read X-Opsconductor-Sources: it must be base64 of a JSON list")
    return tuple(_read_range(item) for item in items)


def _read_range(item: Any) -> SourceRange:
    match item:
        case {"id": str(source), "start": int(start), "end": int(end)} if source and 0 <= start <= end < 1 << 63:
            return SourceRange(source, start, end, bool(item.get("gap", False)))
        case _:
            raise InputError(
                'cannot read X-Opsconductor-Sources: an item must be {"id": text, "start": n, "end": n, "gap": bool}'
            )

"""The conditions that a search makes of one span, as SQL. Spec: the original's memory store, validSpan.

Tags are compared as text with the rendered value, each with any attribute of the span, its scope, its resource, its
events or its links; a few keys mean a field instead.
"""

from collections.abc import Mapping

from opsconductor.traces.parameters import TraceQuery
from opsconductor.traces.statement import quote_text
from opsconductor.traces.table import KINDS

FALSE = "false"
_TRUE_TEXTS, _FALSE_TEXTS = ("1", "t", "true"), ("0", "f", "false")
_STATUS = {"OK": 1, "ERROR": 2}
RESOURCE_PREFIX = "resource."
KIND_KEY = "span.kind"


def build_conditions(query: TraceQuery) -> list[str]:
    """Conditions on the columns of a span, all of which must hold; service, operation and kind are the series'."""
    terms = [f"time BETWEEN {query.start_ns} AND {query.end_ns}"]
    if query.min_duration_ns:
        terms.append(f"duration >= {query.min_duration_ns}")
    if query.max_duration_ns:
        terms.append(f"duration <= {query.max_duration_ns}")
    return terms + [_tag_condition(key, value) for key, value in query.tags.items() if key != KIND_KEY]


def _tag_condition(key: str, value: str) -> str:
    if key == "error":
        text = value.lower()
        return "status = 2" if text in _TRUE_TEXTS else "status <> 2" if text in _FALSE_TEXTS else FALSE
    if key == "span.status":
        return f"status = {_STATUS.get(value.upper(), 0)}"
    if key in ("scope.name", "scope.version"):
        return f"{key.replace('.', '_')} = {quote_text(value)}"
    if key.startswith(RESOURCE_PREFIX):
        return _has("resource", key.removeprefix(RESOURCE_PREFIX), value)
    places = [_has(column, key, value) for column in ("attributes", "resource", "scope_attributes")]
    places += [
        f"len(list_filter({column}, lambda part: {_has('part.attributes', key, value)})) > 0"
        for column in ("events", "links")
    ]
    return f"({' OR '.join(places)})"


def _has(column: str, key: str, value: str) -> str:
    test = f"item.key = {quote_text(key)} AND item.value = {quote_text(value)}"
    return f"len(list_filter({column}, lambda item: {test})) > 0"


def matches_series(labels: Mapping[str, str], query: TraceQuery) -> bool:
    """Whether the spans of a series may match: service, operation and kind."""
    if query.service and labels.get("service") != query.service:
        return False
    if query.operation and labels.get("operation") != query.operation:
        return False
    kind = query.tags.get(KIND_KEY)
    wanted = "" if kind is None or kind.lower() not in KINDS else kind.lower()
    return kind is None or labels.get("kind", "") == wanted

"""Stage json: JMESPath expressions over the line, or over an extracted value. Spec: Promtail stages/json."""

from collections.abc import Callable
from typing import Any

import jmespath
import orjson
from jmespath.exceptions import JMESPathError

from opsconductor.collector.stages.entry import Entry, Extracted, format_extracted
from opsconductor.collector.stages.stage import CountDropped, PlainStage
from opsconductor.model.document import Section, Value
from opsconductor.model.labels import is_label_name

Search = Callable[[dict[str, Any]], Any]


class JsonStage(PlainStage):
    """Objects and arrays are extracted as JSON text; a line that is no JSON object is left alone, or dropped.

    searches: extracted name → where its value is found.
    """

    def __init__(self, searches: dict[str, Search], source: str, drop_malformed: bool, count: CountDropped) -> None:
        self._searches, self._source, self._drop, self._count = list(searches.items()), source, drop_malformed, count

    def keep(self, entry: Entry) -> bool:
        """Extract the values; False for a malformed line that is to be dropped."""
        text: str | None = entry.line
        if self._source:
            text = format_extracted(entry.extracted.get(self._source))
            if text is None:
                return True
        data = _load(text or "")
        if data is None:
            if self._drop:
                self._count("malformed_json")
            return not self._drop
        extracted = entry.extracted
        for name, search in self._searches:
            try:
                extracted[name] = _simplify(search(data))
            except JMESPathError:
                continue
        return True


def _load(text: str) -> dict[str, Any] | None:
    try:
        data = orjson.loads(text)
    except ValueError:
        return None
    return data if isinstance(data, dict) else {} if data is None else None


def _simplify(value: Any) -> Extracted:
    if isinstance(value, dict | list):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return value  # type: ignore[no-any-return]


def _get_name(name: str) -> Search:
    return lambda data: data.get(name)


def _compile(value: Value, name: str) -> Search:
    """A plain name is read straight from the object, anything else by JMESPath."""
    expression = value.text() or name
    if is_label_name(expression):
        return _get_name(expression)
    try:
        return jmespath.compile(expression).search  # type: ignore[no-any-return]
    except JMESPathError as error:
        reason = str(error).splitlines()[0]
        raise value.fail(
            f"`{expression}` is no JMESPath expression: {reason}; quote a name that has other signs"
        ) from (error)


def read_json(section: Section, count: CountDropped) -> JsonStage:
    """The stage of `expressions`, `source` and `drop_malformed`. Raises ConfigError."""
    searches = {name: _compile(value, name) for name, value in section.section("expressions")}
    if not searches:
        raise section.value.fail("expressions is missing; write `name: path` for each value to extract")
    source = section.get("source")
    if source is not None and not source.text():
        raise source.fail("source is empty; name an extracted value or leave the key out")
    return JsonStage(searches, source.text() if source else "", section.flag("drop_malformed", False), count)

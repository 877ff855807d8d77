"""One method an endpoint: parameters → snapshot → JSON body. Runs in a thread of the query worker."""

from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import orjson

from opsconductor.model.errors import InputError
from opsconductor.storage.reader import Reader
from opsconductor.traces.adjustment import adjust_trace
from opsconductor.traces.dependencies import count_calls
from opsconductor.traces.encoding import NotFoundError, encode_data
from opsconductor.traces.otlp_form import show_resource_spans
from opsconductor.traces.parameters import (
    Form,
    TimeRange,
    TraceQuery,
    parse_dependencies,
    parse_hint,
    parse_hint_v3,
    parse_search,
    parse_search_v3,
    parse_trace_id,
)
from opsconductor.traces.search import Search
from opsconductor.traces.span import PRUNED_COLUMNS, Trace, read_spans, split_traces
from opsconductor.traces.summary import summarise_trace
from opsconductor.traces.table import ROW_SCHEMA, TENANT
from opsconductor.traces.transform import read_request
from opsconductor.traces.ui_form import format_trace_id, show_trace

NOT_FOUND = "trace not found"
EVERYWHERE = TimeRange(None, None)


class Answers:
    """Answers the read endpoints from one store."""

    def __init__(self, store: Reader) -> None:
        self._store = store
        self._endpoints: dict[str, Callable[[Search, Form], bytes]] = {
            "services": self._services,
            "service_operations": self._service_operations,
            "operations": self._operations,
            "search": self._search,
            "trace": self._trace,
            "v3/services": self._services_v3,
            "v3/operations": self._operations_v3,
            "v3/search": self._search_v3,
            "v3/trace": self._trace_v3,
            "v3/summaries": self._summaries_v3,
        }

    def answer(self, endpoint: str, query: str, body: bytes, connection: duckdb.DuckDBPyConnection) -> bytes:
        """The JSON body. Raises InputError, LimitError, NotFoundError."""
        form = Form(query)
        if endpoint == "transform":
            return encode_data([show_trace(trace) for trace in read_request(body)], pretty=_is_pretty(form))
        with self._store.snapshot(TENANT) as snapshot:
            search = Search(snapshot, connection)
            if endpoint == "dependencies":
                times = parse_dependencies(form)
                links = count_calls(
                    snapshot, connection, search.list_series(), times.start_ns or 0, times.end_ns or 0
                )
                return _encode_links(links, form.text("service"))
            return self._endpoints[endpoint](search, form)

    def _services(self, search: Search, form: Form) -> bytes:
        names = _list_services(search)
        return encode_data(names, total=len(names), pretty=_is_pretty(form))

    def _services_v3(self, search: Search, _form: Form) -> bytes:
        return orjson.dumps({"services": _list_services(search)})

    def _service_operations(self, search: Search, form: Form) -> bytes:
        names = sorted({name for name, _ in _list_operations(search, form.text("path.service"), "")})
        return encode_data(names, total=len(names), pretty=_is_pretty(form))

    def _operations(self, search: Search, form: Form) -> bytes:
        service = form.text("service")
        if not service:
            raise InputError("parameter 'service' is required")
        found = [{"name": name, "spanKind": kind} for name, kind in _list_operations(search, service, _kind_of(form))]
        return encode_data(found, total=len(found), pretty=_is_pretty(form))

    def _operations_v3(self, search: Search, form: Form) -> bytes:
        operations = _list_operations(search, form.text("service"), _kind_of(form))
        return orjson.dumps(
            {"operations": [{"name": name, "spanKind": kind or "internal"} for name, kind in operations]}
        )

    def _search(self, search: Search, form: Form) -> bytes:
        query, errors = parse_search(form), None
        if query.ids:
            traces = self._read_traces(search, query.ids, EVERYWHERE, raw=query.raw)
            found = {trace[0].trace_id for trace in traces}
            missing = [trace_id for trace_id in query.ids if trace_id not in found]
            errors = [{"msg": NOT_FOUND, "traceID": format_trace_id(trace_id)} for trace_id in missing] or None
        else:
            traces = self._find_traces(search, query)
        return encode_data([show_trace(trace) for trace in traces], errors=errors, pretty=_is_pretty(form))

    def _trace(self, search: Search, form: Form) -> bytes:
        trace_id = parse_trace_id(form.text("path.trace_id"))
        traces = self._read_traces(search, [trace_id], parse_hint(form), raw=form.flag("raw"))
        if not traces:
            raise NotFoundError(NOT_FOUND)
        return encode_data([show_trace(trace) for trace in traces], pretty=_is_pretty(form))

    def _search_v3(self, search: Search, form: Form) -> bytes:
        return _encode_v3(self._find_traces(search, parse_search_v3(form)), "No traces found")

    def _trace_v3(self, search: Search, form: Form) -> bytes:
        try:
            trace_id = parse_trace_id(form.text("path.trace_id"))
        except InputError as error:
            raise InputError(f"malformed parameter trace_id: {error}") from error
        hint, raw = parse_hint_v3(form), form.flag("rawTraces", "raw_traces")
        return _encode_v3(self._read_traces(search, [trace_id], hint, raw=raw), NOT_FOUND)

    def _summaries_v3(self, search: Search, form: Form) -> bytes:
        found = search.find(parse_search_v3(form))
        table = search.fetch(found.ids, found.times, PRUNED_COLUMNS)
        series = search.list_series()
        traces = [] if table is None else split_traces(table, found.ids)
        summaries = [summarise_trace(rows, series) for rows in traces]
        return orjson.dumps({"summaries": summaries} if summaries else {})

    def _find_traces(self, search: Search, query: TraceQuery) -> list[Trace]:
        found = search.find(query)
        return self._read_traces(search, found.ids, found.times, raw=query.raw)

    def _read_traces(self, search: Search, ids: Sequence[bytes], times: TimeRange, *, raw: bool) -> list[Trace]:
        table = search.fetch(ids, times, ROW_SCHEMA.names)
        if table is None:
            return []
        series = search.list_series()
        traces = (read_spans(rows, series) for rows in split_traces(table, ids))
        return [trace if raw else adjust_trace(trace) for trace in traces]


def _list_services(search: Search) -> list[str]:
    return sorted({labels.get("service", "") for labels in search.list_series().values()})


def _list_operations(search: Search, service: str, kind: str) -> list[tuple[str, str]]:
    """(operation, kind) of a service; kind "" is every kind."""
    found = {
        (labels.get("operation", ""), labels.get("kind", ""))
        for labels in search.list_series().values()
        if labels.get("service") == service
    }
    return sorted(one for one in found if not kind or one[1] == kind)


def _kind_of(form: Form) -> str:
    return form.text("spanKind", "span_kind")


def _is_pretty(form: Form) -> bool:
    return form.text("prettyPrint") not in ("", "false")


def _encode_links(links: list[dict[str, Any]], service: str) -> bytes:
    return encode_data([link for link in links if not service or service in (link["parent"], link["child"])])


def _encode_v3(traces: list[Trace], missing: str) -> bytes:
    if not traces:
        raise NotFoundError(missing)
    return orjson.dumps({"result": {"resourceSpans": show_resource_spans(traces)}})

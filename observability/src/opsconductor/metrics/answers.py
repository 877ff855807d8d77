"""Answers of a metrics query worker: one method an endpoint, run in a thread. Spec: Prometheus HTTP API v1."""

import time
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from opsconductor.metrics.formatting import encode_result, format_value
from opsconductor.metrics.parameters import Form, first, parse_bounds, parse_range_query, parse_time
from opsconductor.metrics.source import MS_NS, SnapshotSource, match_series
from opsconductor.model.errors import InputError, LimitError
from opsconductor.model.labels import Labels, is_label_name, parse_labels
from opsconductor.promql.errors import EvaluationError, QueryError
from opsconductor.promql.execute import LOOKBACK_MS, Result, Steps, execute
from opsconductor.promql.parser import parse, parse_selector
from opsconductor.promql.samples import is_stale
from opsconductor.promql.syntax import Aggregation, Binary, Call, Expression, Matcher, Negation, Selector
from opsconductor.storage.reader import Reader, Snapshot

INT64_NS = 2**63 - 1
MAX_EXEMPLARS = 10_000


def to_ns(time_ms: int) -> int:
    """Nanoseconds, clipped to what int64 holds."""
    return max(-INT64_NS, min(INT64_NS, time_ms * MS_NS))


class Answers:
    """Answers over the samples' and the exemplars' stores."""

    def __init__(self, samples: Reader, exemplars: Reader) -> None:
        self._samples, self._exemplars = samples, exemplars

    def answer(self, endpoint: str, tenant: str, form: Form) -> bytes:
        """The JSON of an endpoint's "data". Raises errors of ours."""
        if endpoint == "query":
            return self._query(tenant, form)
        if endpoint == "query_range":
            return self._query_range(tenant, form)
        if endpoint == "series":
            return orjson.dumps([dict(labels) for labels in self._match(tenant, form, require=True)])
        if endpoint == "labels":
            names = {name for labels in self._match(tenant, form) for name, _ in labels}
            return orjson.dumps(_limit(sorted(names), form))
        if endpoint == "query_exemplars":
            return self._query_exemplars(tenant, form)
        return self._label_values(tenant, form, endpoint.removeprefix("label/").removesuffix("/values"))

    def _query(self, tenant: str, form: Form) -> bytes:
        text = first(form, "time")
        time_ms = parse_time(text, "time") if text else round(time.time() * 1000)
        steps = Steps(time_ms, time_ms, 0)
        expression = _parse(first(form, "query"))
        with self._samples.snapshot(tenant) as snapshot:
            if isinstance(expression, Selector) and expression.range_ms:
                return _encode_raw(SnapshotSource(snapshot), expression, time_ms)
            return encode_result(_execute(expression, snapshot, steps), steps, is_range=False)

    def _query_range(self, tenant: str, form: Form) -> bytes:
        asked = parse_range_query(form)
        expression = _parse(asked.query)
        if isinstance(expression, Selector) and expression.range_ms:
            raise InputError('invalid parameter "query": invalid expression type "range vector" for range query')
        steps = Steps(asked.start_ms, asked.end_ms, asked.step_ms)
        with self._samples.snapshot(tenant) as snapshot:
            return encode_result(_execute(expression, snapshot, steps), steps, is_range=True)

    def _match(self, tenant: str, form: Form, *, require: bool = False) -> list[Labels]:
        """Label sets, sorted, of the series that any match[] means; without one, of all."""
        selectors = form.get("match[]", ())
        if require and not selectors:
            raise InputError("no match[] parameter provided")
        start_ms, end_ms = parse_bounds(form)
        parsed: list[tuple[Matcher, ...]] = [_parse_selector(text) for text in selectors] or [()]
        with self._samples.snapshot(tenant) as snapshot:
            table = snapshot.list_series(to_ns(start_ms), to_ns(end_ms + 1))
        return sorted({labels for matchers in parsed for labels in match_series(table, matchers)[1]})

    def _label_values(self, tenant: str, form: Form, name: str) -> bytes:
        if not is_label_name(name):
            raise InputError(f'invalid label name: "{name}"')
        values = {dict(labels).get(name) for labels in self._match(tenant, form)}
        return orjson.dumps(_limit(sorted(value for value in values if value), form))

    def _query_exemplars(self, tenant: str, form: Form) -> bytes:
        start_ms, end_ms = parse_bounds(form)
        start_ns, end_ns = to_ns(start_ms), to_ns(end_ms + 1)
        selectors = list(_find_selectors(_parse(first(form, "query"))))
        answer = []
        with self._exemplars.snapshot(tenant) as snapshot:
            table = snapshot.list_series(start_ns, end_ns)
            for matchers in dict.fromkeys(selectors):
                ids, labels = match_series(table, matchers)
                rows = _read_exemplars(snapshot, ids, start_ns, end_ns)
                answer += [
                    {"seriesLabels": dict(one), "exemplars": found}
                    for number, one in zip(ids.tolist(), labels, strict=True)
                    if (found := rows.get(number))
                ]
        return orjson.dumps(answer)


def _parse(text: str) -> Expression:
    try:
        return parse(text)
    except QueryError as error:
        raise InputError(f'invalid parameter "query": {error}') from error


def _parse_selector(text: str) -> tuple[Matcher, ...]:
    try:
        return parse_selector(text)
    except QueryError as error:
        raise InputError(f'invalid parameter "match[]": {error}') from error


def _execute(expression: Expression, snapshot: Snapshot, steps: Steps) -> Result:
    try:
        return execute(expression, SnapshotSource(snapshot), steps, LOOKBACK_MS)
    except EvaluationError:
        raise
    except InputError as error:
        raise EvaluationError(str(error)) from error


def _limit(values: list[str], form: Form) -> list[str]:
    text = first(form, "limit")
    if not text:
        return values
    if not text.isdigit():
        raise InputError(f'invalid parameter "limit": cannot parse "{text}" to a limit')
    return values[: int(text)] if int(text) else values


def _encode_raw(source: SnapshotSource, selector: Selector, time_ms: int) -> bytes:
    """A range selector as an instant query: its samples as they are."""
    end_ms = (time_ms if selector.at_ms is None else selector.at_ms) - selector.offset_ms
    samples = source.select(selector.matchers, end_ms - selector.range_ms, end_ms)
    alive = ~is_stale(samples.values)
    matrix = []
    for row, labels in enumerate(samples.labels):
        part = slice(int(samples.offsets[row]), int(samples.offsets[row + 1]))
        values = [
            [at / 1000, format_value(value)]
            for at, value, there in zip(
                samples.times_ms[part].tolist(), samples.values[part].tolist(), alive[part].tolist(), strict=True
            )
            if there
        ]
        if values:
            matrix.append({"metric": dict(labels), "values": values})
    return orjson.dumps({"resultType": "matrix", "result": matrix})


def _find_selectors(expression: Expression) -> Iterable[tuple[Matcher, ...]]:
    match expression:
        case Selector():
            yield expression.matchers
        case Call():
            for argument in expression.arguments:
                yield from _find_selectors(argument)
        case Aggregation():
            yield from _find_selectors(expression.expression)
        case Binary():
            yield from _find_selectors(expression.left)
            yield from _find_selectors(expression.right)
        case Negation():
            yield from _find_selectors(expression.expression)
        case _:
            return


def _read_exemplars(
    snapshot: Snapshot, ids: npt.NDArray[np.uint64], start_ns: int, end_ns: int
) -> dict[int, list[dict[str, object]]]:
    if not len(ids):
        return {}
    wanted = pc.field("series").isin(pa.array(ids)) & (pc.field("time") >= start_ns) & (pc.field("time") < end_ns)
    tables = [
        part.table.filter(wanted) if part.table is not None else ds.dataset(str(part.path)).to_table(filter=wanted)
        for part in snapshot.list_parts(start_ns, end_ns)
    ]
    rows: dict[int, list[dict[str, object]]] = {}
    if not tables:
        return rows
    table = pa.concat_tables(tables).sort_by("time")
    if table.num_rows > MAX_EXEMPLARS:
        raise LimitError(
            f"cannot read exemplars: more than {MAX_EXEMPLARS} in this range; narrow it", "exemplars", 422
        )
    columns: Sequence[list[object]] = [
        table.column(name).to_pylist() for name in ("series", "time", "value", "labels")
    ]
    for number, at, value, labels in zip(*columns, strict=True):
        exemplar = {
            "labels": dict(parse_labels(str(labels))),
            "value": format_value(float(str(value))),
            "timestamp": int(str(at)) / 1e9,
        }
        rows.setdefault(int(str(number)), []).append(exemplar)
    return rows

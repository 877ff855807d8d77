"""count_over_time, rate, bytes_over_time, bytes_rate: entries of a window → one value a label set.

Spec: https://grafana.com/docs/loki/latest/query/metric_queries/#log-range-aggregations
"""

from collections.abc import Mapping
from contextlib import closing

import numpy as np
import pyarrow as pa

from opsconductor.logql.block import Block
from opsconductor.logql.errors import QueryError
from opsconductor.logql.operators.pipeline import compile_stages
from opsconductor.logql.operators.row import EMPTY, ERROR, EXTRACTED, Row
from opsconductor.logql.plan import RangePlan
from opsconductor.logql.request import Budget
from opsconductor.logql.scan import Parameters, Scan
from opsconductor.logql.windows import Ints, Tally, Windows
from opsconductor.model.errors import LimitError
from opsconductor.model.labels import Labels, format_labels

_BYTES = ("bytes_over_time", "bytes_rate")
_RATES = ("rate", "bytes_rate")


class _Groups:
    """Numbers the label sets of a result, and finds the one that a row belongs to."""

    def __init__(self, plan: RangePlan, budget: Budget) -> None:
        self.labels: list[Labels] = []
        self._run = compile_stages(plan.log.stages)
        self._grouping = plan.grouping
        self._names = frozenset(plan.grouping.labels) if plan.grouping else frozenset()
        self._numbers: dict[Labels, int] = {}
        self._budget = budget

    def number(self, row: Row) -> int:
        """The number of the row's label set, or -1 when the stages drop the row."""
        if not self._run(row):
            return -1
        labels = tuple(sorted(self._group(row).items()))
        number = self._numbers.get(labels)
        if number is None:
            number = self._numbers[labels] = len(self.labels)
            self.labels.append(labels)
            if number >= self._budget.max_label_sets:
                raise LimitError(
                    f"cannot evaluate query: it makes more than {number} label sets (max_label_sets); "
                    "sum by fewer labels, or keep fewer with | keep",
                    "max_label_sets",
                    400,
                )
        return number

    def _group(self, row: Row) -> Mapping[str, str]:
        grouping = self._grouping
        if row.error and not (grouping and not grouping.without and ERROR in self._names):
            raise _pipeline_error(row)
        if grouping is None:
            return row.labels()
        if grouping.without:
            return {name: value for name, value in row.labels().items() if name not in self._names}
        return {name: value for name in self._names if (value := row.get(name)) is not None}


def _pipeline_error(row: Row) -> QueryError:
    series = format_labels(tuple(sorted(row.labels().items())))
    return QueryError(
        f"pipeline error: '{row.error}' for series: '{series}'.\n"
        f'Use a label filter to intentionally skip this error. (e.g | __error__!="{row.error}").\n'
        'To skip all potential errors you can match empty errors.(e.g __error__="")\n'
        'The label filter can also be specified after unwrap. (e.g | unwrap latency | __error__="" )\n'
    )


def aggregate_range(plan: RangePlan, scan: Scan, windows: Windows) -> Block:
    """The block of a range aggregation; the rows in the order of their labels."""
    groups, tally = _Groups(plan, scan.budget), Tally()
    if plan.log.reads_line:
        _tally_rows(plan, scan, windows, groups, tally)
    else:
        _tally_sets(plan, scan, windows, groups, tally)
    if len(groups.labels) * windows.count > scan.budget.max_cells:
        raise LimitError(
            f"cannot evaluate query: {len(groups.labels)} label sets at {windows.count} steps are more than "
            f"{scan.budget.max_cells} values (max_cells); raise the step or sum by fewer labels",
            "max_cells",
            400,
        )
    sums, present = tally.sum(windows, len(groups.labels))
    values = sums.astype(np.float64)
    if plan.aggregation.op in _RATES:
        values /= plan.aggregation.range_ns / 1e9
    block = Block(groups.labels, values, present)
    return block.take(np.flatnonzero(present.any(axis=1)).tolist()).sort()


def _tally_sets(plan: RangePlan, scan: Scan, windows: Windows, groups: _Groups, tally: Tally) -> None:
    """Counted by SQL: a row comes back for each distinct (series, metadata), with its buckets and amounts."""
    needed = _needed_metadata(plan, scan)
    keys = ["metadata"] if needed is None else [f"metadata[?] AS k{index}" for index in range(len(needed))]
    amount = "sum(strlen(line))" if plan.aggregation.op in _BYTES else "count(*)"
    where, parameters = scan.condition(*windows.covers_sql())
    names = ["metadata"] if needed is None else [f"k{index}" for index in range(len(needed))]
    outer = ", ".join(["series", *names])
    inner = ", ".join(["series", *keys, f"{windows.bucket_sql()} AS bucket", f"{amount}::BIGINT AS amount"])
    sql = (
        f"SELECT {outer}, list(bucket) AS buckets, list(amount) AS amounts "
        f"FROM (SELECT {inner} FROM {{rows}} WHERE {where} GROUP BY ALL) GROUP BY ALL"
    )
    bound: Parameters = [*(needed or ()), *parameters]
    for group in scan.groups(scan.parts):
        scan.stats.lines += sum(part.rows for part in group)
        table = scan.query(group, sql, bound)
        numbers = [
            groups.number(Row("", scan.labels[series], metadata))
            for series, metadata in zip(table.column("series").to_pylist(), _metadata(table, needed), strict=True)
        ]
        _add_lists(table, np.array(numbers, np.int64), tally)


def _needed_metadata(plan: RangePlan, scan: Scan) -> list[str] | None:
    """The metadata names that SQL must group by, None for all.

    A name that every series has as a label matters only where the renamed label is asked for.
    """
    if plan.metadata is None:
        return None
    names, labels = plan.metadata, list(scan.labels.values())
    return sorted(name for name in names if name + EXTRACTED in names or not all(name in each for each in labels))


def _metadata(table: pa.Table, needed: list[str] | None) -> list[Mapping[str, str]]:
    if needed is None:
        return [dict(pairs) if pairs else EMPTY for pairs in table.column("metadata").to_pylist()]
    columns = [table.column(f"k{index}").to_pylist() for index in range(len(needed))]
    if not columns:
        return [EMPTY] * table.num_rows
    rows = zip(*columns, strict=True)
    return [{name: value for name, value in zip(needed, row, strict=True) if value is not None} for row in rows]


def _add_lists(table: pa.Table, numbers: Ints, tally: Tally) -> None:
    buckets, amounts = table.column("buckets").combine_chunks(), table.column("amounts").combine_chunks()
    lengths = buckets.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    spread = np.repeat(numbers, lengths)
    keep = spread >= 0
    flat = [column.flatten().to_numpy().astype(np.int64) for column in (buckets, amounts)]
    tally.add(spread[keep], flat[0][keep], flat[1][keep])


def _tally_rows(plan: RangePlan, scan: Scan, windows: Windows, groups: _Groups, tally: Tally) -> None:
    """Counted row by row, because stages read the line."""
    where, parameters = scan.condition(*windows.covers_sql())
    sql = f"SELECT series, time, line, metadata FROM {{rows}} WHERE {where}"
    count_bytes = plan.aggregation.op in _BYTES
    for group in scan.groups(scan.parts):
        with closing(scan.stream(group, sql, parameters)) as batches:
            for batch in batches:
                numbers, sizes = _number_rows(batch, scan, groups)
                scan.stats.lines += len(numbers)
                scan.stats.bytes += int(sizes.sum())
                keep = numbers >= 0
                buckets = windows.bucket(batch.column("time").to_numpy())
                amounts = sizes if count_bytes else np.ones_like(sizes)
                tally.add(numbers[keep], buckets[keep], amounts[keep])


def _number_rows(batch: pa.RecordBatch, scan: Scan, groups: _Groups) -> tuple[Ints, Ints]:
    """The group of each row, -1 for dropped ones, and the bytes of its line."""
    lines, series, metadata = (batch.column(name).to_pylist() for name in ("line", "series", "metadata"))
    numbers = [
        groups.number(Row(line, scan.labels[number], dict(pairs) if pairs else EMPTY))
        for line, number, pairs in zip(lines, series, metadata, strict=True)
    ]
    return np.array(numbers, np.int64), np.array([len(line.encode()) for line in lines], np.int64)

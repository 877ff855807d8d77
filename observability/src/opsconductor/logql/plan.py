"""What of a log query goes down as SQL, and what runs row by row in Python.

Line filters go down: no stage changes a line, so their place among the stages does not matter. Matchers go down as
the series they mean. Stages that read the line (json, logfmt) run over the rows that remain; without one, the other
stages see labels only, so that they run once for each distinct label set instead of once for each row.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from opsconductor.logql.operators.row import EXTRACTED
from opsconductor.logql.syntax import (
    AmountFilter,
    DropStage,
    FilterPair,
    Grouping,
    JsonStage,
    KeepStage,
    LabelFilter,
    LabelFilterStage,
    LineFilter,
    LogfmtStage,
    LogQuery,
    Matcher,
    RangeAggregation,
    Stage,
    StringFilter,
    VectorAggregation,
)


@dataclass(frozen=True, slots=True)
class LogPlan:
    """A log query taken apart: `matchers` and `filters` as SQL, then `stages` in Python; do they read the line?"""

    matchers: tuple[Matcher, ...]
    filters: tuple[LineFilter, ...]
    stages: tuple[Stage, ...]
    reads_line: bool


def plan_log_query(query: LogQuery) -> LogPlan:
    """Take a log query apart."""
    filters = tuple(stage for stage in query.stages if isinstance(stage, LineFilter))
    stages = tuple(stage for stage in query.stages if not isinstance(stage, LineFilter))
    reads_line = any(isinstance(stage, JsonStage | LogfmtStage) for stage in stages)
    return LogPlan(query.matchers, filters, stages, reads_line)


@dataclass(frozen=True, slots=True)
class RangePlan:
    """A range aggregation, with a `sum` around it folded in, because a sum of counts is a count.

    metadata: the names of structured metadata that can matter for the result, None for all of it.
    """

    aggregation: RangeAggregation
    log: LogPlan
    grouping: Grouping | None
    metadata: frozenset[str] | None


def plan_range(aggregation: RangeAggregation, grouping: Grouping | None) -> RangePlan:
    """Plan a range aggregation whose label sets are kept (no grouping) or summed by the grouping."""
    log = plan_log_query(aggregation.query)
    if grouping == Grouping(False, ()) and not any(isinstance(stage, LabelFilterStage) for stage in log.stages):
        # Nobody sees a label, so nothing need be read, not even what is wrong with a line. Loki does the same.
        log = replace(log, stages=(), reads_line=False)
    names: frozenset[str] | None = None
    if grouping is not None and not grouping.without:
        wanted = set(grouping.labels)
        for stage in log.stages:
            wanted.update(_names(stage))
        names = frozenset(wanted | {name.removesuffix(EXTRACTED) for name in wanted})
    return RangePlan(aggregation, log, grouping, names)


def fold_sum(aggregation: VectorAggregation) -> RangePlan | None:
    """The plan of a sum over a range aggregation as one step; None where the two must stay apart."""
    if aggregation.op != "sum" or not isinstance(aggregation.operand, RangeAggregation):
        return None
    return plan_range(aggregation.operand, aggregation.grouping or Grouping(False, ()))


def _names(stage: Stage) -> Iterator[str]:
    """The labels that a stage looks at."""
    if isinstance(stage, LabelFilterStage):
        yield from _condition_names(stage.condition)
    elif isinstance(stage, DropStage | KeepStage):
        yield from (target.name for target in stage.targets)


def _condition_names(condition: LabelFilter) -> Iterator[str]:
    match condition:
        case StringFilter(matcher):
            yield matcher.name
        case AmountFilter(name):
            yield name
        case FilterPair(_, left, right):
            yield from _condition_names(left)
            yield from _condition_names(right)

"""The stages of a log query, compiled to one function over rows."""

from collections.abc import Iterable

from opsconductor.logql.operators.json_stage import compile_json
from opsconductor.logql.operators.label_filter import compile_condition
from opsconductor.logql.operators.line_filter import compile_line_filter
from opsconductor.logql.operators.logfmt_stage import compile_logfmt
from opsconductor.logql.operators.projection import compile_drop, compile_keep
from opsconductor.logql.operators.row import Operator, Row
from opsconductor.logql.syntax import (
    DropStage,
    JsonStage,
    KeepStage,
    LabelFilterStage,
    LineFilter,
    LogfmtStage,
    Stage,
)


def compile_stage(stage: Stage) -> Operator:
    """The operator of one stage."""
    match stage:
        case LineFilter():
            return compile_line_filter(stage)
        case JsonStage():
            return compile_json(stage)
        case LogfmtStage():
            return compile_logfmt(stage)
        case LabelFilterStage():
            return compile_condition(stage.condition)
        case DropStage():
            return compile_drop(stage)
        case KeepStage():
            return compile_keep(stage)


def compile_stages(stages: Iterable[Stage]) -> Operator:
    """Every stage after the other, until one drops the row."""
    operators = [compile_stage(stage) for stage in stages]

    def run(row: Row) -> bool:
        return all(operate(row) for operate in operators)

    return run

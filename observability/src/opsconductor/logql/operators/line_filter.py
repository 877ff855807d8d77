"""|= != |~ !~: keeps lines by their text, in Python and as SQL with the same meaning.

Spec: https://grafana.com/docs/loki/latest/query/log_queries/#line-filter-expression. DuckDB's regular expressions are
RE2, as Loki's are.
"""

from opsconductor.logql.operators.row import Operator
from opsconductor.logql.regex import part_match
from opsconductor.logql.syntax import LineFilter


def compile_line_filter(stage: LineFilter) -> Operator:
    """The operator of a line filter."""
    needles = stage.needles
    if stage.op == "|=":
        return lambda row: any(needle in row.line for needle in needles)
    if stage.op == "!=":
        return lambda row: not any(needle in row.line for needle in needles)
    tests = [part_match(needle) for needle in needles]
    if stage.op == "|~":
        return lambda row: any(test(row.line) for test in tests)
    return lambda row: not any(test(row.line) for test in tests)


def filter_sql(stage: LineFilter) -> tuple[str, list[str]]:
    """The condition over the column `line`, with its parameters."""
    test = "contains(line, ?)" if stage.op in ("|=", "!=") else "regexp_matches(line, ?)"
    either = " OR ".join([test] * len(stage.needles))
    return (f"({either})" if stage.op.startswith("|") else f"NOT ({either})"), list(stage.needles)

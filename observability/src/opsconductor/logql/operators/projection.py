"""| drop and | keep: which labels stay. Spec: https://grafana.com/docs/loki/latest/query/log_queries/#drop-labels-expression"""

from opsconductor.logql.operators.row import DETAILS, ERROR, Operator, Row
from opsconductor.logql.select import Test, compile_test
from opsconductor.logql.syntax import DropStage, KeepStage, Target


def compile_drop(stage: DropStage) -> Operator:
    """The operator of a | drop stage: removes the named labels, or those whose matcher holds."""
    tests = _tests(stage.targets)

    def drop(row: Row) -> bool:
        if row.error and any(test(row.error) for test in tests.get(ERROR, ())):
            row.error = ""
        if row.details and any(test(row.details) for test in tests.get(DETAILS, ())):
            row.details = ""
        row.remove(lambda name, value: name in tests and any(test(value) for test in tests[name]))
        return True

    return drop


def compile_keep(stage: KeepStage) -> Operator:
    """The operator of a | keep stage: removes every label but the named ones, or those whose matcher holds.

    The labels that tell of an error always stay, and so does one without a name (from a blank JSON key).
    """
    tests = _tests(stage.targets)

    def keep(row: Row) -> bool:
        row.remove(lambda name, value: name != "" and not any(test(value) for test in tests.get(name, ())))
        return True

    return keep


def _tests(targets: tuple[Target, ...]) -> dict[str, list[Test]]:
    tests: dict[str, list[Test]] = {}
    for target in targets:
        matcher = target.matcher
        test = compile_test(matcher.op, matcher.value) if matcher else _always
        tests.setdefault(target.name, []).append(test)
    return tests


def _always(_: str) -> bool:
    return True

"""A slow executor of the supported LogQL, written to be obviously right: loops over rows, no SQL, no numpy.

It takes the parsed tree and shares nothing else with the room. Details of errors are left out on purpose.
"""

import json
import math
import re
from collections.abc import Callable

from logql_memory import Line

from opsconductor.logql import syntax as ast

Labels = dict[str, str]
Vector = dict[tuple[tuple[str, str], ...], float]


class PipelineError(Exception):
    """A metric query met a line with an error."""


def matches(op: str, value: str, text: str) -> bool:
    if op in ("=", "!="):
        return (text == value) is (op == "=")
    return (re.fullmatch(value, text, re.DOTALL) is not None) is (op == "=~")


def passes_line_filter(stage: ast.LineFilter, line: str) -> bool:
    if stage.op in ("|=", "!="):
        found = any(needle in line for needle in stage.needles)
    else:
        found = any(re.search(needle, line) for needle in stage.needles)
    return found is stage.op.startswith("|")


class Row:
    def __init__(self, line: Line) -> None:
        self.line = line.line
        self.stream = dict(line.labels)
        self.own = set(line.labels)
        self.metadata = {(k + "_extracted" if k in self.own else k): v for k, v in line.metadata.items()}
        self.parsed: Labels = {}
        self.error = ""

    def labels(self) -> Labels:
        error = {"__error__": self.error} if self.error else {}
        return {**self.stream, **self.metadata, **self.parsed, **error}

    def put(self, name: str, value: str) -> None:
        name = re.sub(r"[^a-zA-Z0-9_]", "_", name)
        if name in self.own or name in self.metadata:
            name += "_extracted"
        self.parsed.setdefault(name, value)

    def filter(self, keeps: Callable[[str, str], bool]) -> None:
        for labels in (self.stream, self.metadata, self.parsed):
            for name in [name for name, value in labels.items() if not keeps(name, value)]:
                del labels[name]


def read_json(row: Row) -> None:
    def walk(prefix: str, value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}_{key}" if prefix else key, inner)
        elif isinstance(value, bool):
            row.put(prefix, "true" if value else "false")
        elif isinstance(value, str | int | float):
            row.put(prefix, str(value))

    try:
        value = json.loads(row.line)
    except ValueError:
        value = None
    if isinstance(value, dict):
        walk("", value)
    else:
        row.error = "JSONParserErr"


def read_logfmt(row: Row) -> None:
    """Bare pairs only: the lines of the tests have no quotes."""
    for word in row.line.split():
        key, _, value = word.partition("=")
        if key and value and '"' not in word and "=" not in value:
            row.put(key, value)


def passes_condition(condition: ast.LabelFilter, row: Row) -> bool:
    if isinstance(condition, ast.FilterPair):
        left = passes_condition(condition.left, row)
        if not condition.both and left:
            return True
        right = passes_condition(condition.right, row)
        return left and right if condition.both else right
    labels = row.labels()
    if isinstance(condition, ast.StringFilter):
        return matches(condition.matcher.op, condition.matcher.value, labels.get(condition.matcher.name, ""))
    if condition.name not in labels:
        return False
    try:
        value = float(labels[condition.name])
    except ValueError:
        row.error = row.error or "LabelFilterErr"
        return True
    return {
        "==": value == condition.value,
        "!=": value != condition.value,
        ">": value > condition.value,
        ">=": value >= condition.value,
        "<": value < condition.value,
        "<=": value <= condition.value,
    }[condition.op]


def names_target(stage: ast.DropStage | ast.KeepStage, name: str, value: str) -> bool:
    return any(
        target.name == name and (target.matcher is None or matches(target.matcher.op, target.matcher.value, value))
        for target in stage.targets
    )


def run_stages(stages: tuple[ast.Stage, ...], row: Row) -> bool:
    for stage in stages:
        match stage:
            case ast.LineFilter():
                if not passes_line_filter(stage, row.line):
                    return False
            case ast.JsonStage():
                read_json(row)
            case ast.LogfmtStage():
                read_logfmt(row)
            case ast.LabelFilterStage():
                if not passes_condition(stage.condition, row):
                    return False
            case ast.DropStage():
                if row.error and names_target(stage, "__error__", row.error):
                    row.error = ""
                row.filter(lambda name, value, stage=stage: not names_target(stage, name, value))
            case ast.KeepStage():
                row.filter(lambda name, value, stage=stage: names_target(stage, name, value))
    return True


def select_rows(lines: list[Line], query: ast.LogQuery, keep: Callable[[int], bool]) -> list[tuple[int, int, Row]]:
    """(time, sequence, row) of the lines that pass, in the order of commitment."""
    found = []
    for sequence, line in enumerate(lines, start=1):
        if keep(line.time_ns) and all(matches(m.op, m.value, line.labels.get(m.name, "")) for m in query.matchers):
            row = Row(line)
            if run_stages(query.stages, row):
                found.append((line.time_ns, sequence, row))
    return found


def run_log_query(
    lines: list[Line], query: ast.LogQuery, start: int, end: int, limit: int, forward: bool
) -> list[tuple[int, str, Labels]]:
    """(time, line, labels) of the answer, in its order."""
    found = select_rows(lines, query, lambda time: start <= time < end)
    found.sort(key=lambda item: item[:2], reverse=not forward)
    return [(time, row.line, row.labels()) for time, _, row in found[:limit]]


def evaluate(lines: list[Line], expression: ast.MetricExpression, at: int) -> Vector | float:
    """The value of an expression at one time."""
    match expression:
        case ast.NumberLiteral(value):
            return value
        case ast.VectorLiteral(value):
            return {(): value}
        case ast.RangeAggregation():
            return aggregate_range(lines, expression, at)
        case ast.VectorAggregation():
            operand = evaluate(lines, expression.operand, at)
            return aggregate_vector(expression, operand if isinstance(operand, dict) else {(): operand})
        case ast.BinaryOperation():
            return operate(expression, evaluate(lines, expression.left, at), evaluate(lines, expression.right, at))


def aggregate_range(lines: list[Line], node: ast.RangeAggregation, at: int) -> Vector:
    end = at - node.offset_ns
    vector: Vector = {}
    for _, _, row in select_rows(lines, node.query, lambda time: end - node.range_ns < time <= end):
        if row.error:
            raise PipelineError(row.error)
        key = tuple(sorted(row.labels().items()))
        vector[key] = vector.get(key, 0.0) + (len(row.line.encode()) if "bytes" in node.op else 1)
    if "rate" in node.op:
        return {key: value / (node.range_ns / 1e9) for key, value in vector.items()}
    return vector


def aggregate_vector(node: ast.VectorAggregation, operand: Vector) -> Vector:
    if node.op in ("sort", "sort_desc"):
        return operand
    groups: dict[tuple[tuple[str, str], ...], list[tuple[tuple[tuple[str, str], ...], float]]] = {}
    grouping = node.grouping or ast.Grouping(False, ())
    for labels, value in operand.items():
        key = tuple(pair for pair in labels if (pair[0] in grouping.labels) is not grouping.without)
        groups.setdefault(key, []).append((labels, value))
    if node.op in ("topk", "bottomk"):
        chosen: Vector = {}
        for members in groups.values():
            members.sort(key=lambda item: (item[1], item[0]) if node.op == "bottomk" else (-item[1], item[0]))
            chosen.update(members[: node.parameter])
        return chosen
    return {key: reduce_values(node.op, [value for _, value in members]) for key, members in groups.items()}


def reduce_values(op: str, values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / len(values)
    return {
        "sum": math.fsum(values),
        "avg": mean,
        "min": min(values),
        "max": max(values),
        "count": float(len(values)),
        "stdvar": variance,
        "stddev": math.sqrt(variance),
    }[op]


def compute(op: str, left: float, right: float) -> float | bool:
    if op in ("/", "%") and right == 0:
        return math.nan
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "%": lambda: math.fmod(left, right),
        "^": lambda: left**right,
        "==": lambda: left == right,
        "!=": lambda: left != right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
        "<": lambda: left < right,
        "<=": lambda: left <= right,
    }[op]()


def operate(node: ast.BinaryOperation, left: Vector | float, right: Vector | float) -> Vector:
    """Vectors are matched by all their labels, or by a scalar."""
    result: Vector = {}
    if isinstance(left, dict) and isinstance(right, dict):
        if node.op == "or":
            return {**right, **left}
        if node.op in ("and", "unless"):
            return {key: value for key, value in left.items() if (key in right) is (node.op == "and")}
        pairs = [(key, value, right[key], value) for key, value in left.items() if key in right]
    elif isinstance(left, dict):
        pairs = [(key, value, right, value) for key, value in left.items()]
    else:
        pairs = [(key, left, value, value) for key, value in right.items()]
    for key, first, second, kept in pairs:
        value = compute(node.op, first, second)
        if isinstance(value, bool) and not node.keep_bool:
            if value:
                result[key] = kept
        else:
            result[key] = float(value)
    return result

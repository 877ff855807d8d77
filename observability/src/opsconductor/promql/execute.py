"""Evaluate a tree over a source of samples, all series and steps at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import re2

from opsconductor.model.labels import is_label_name, sort_labels
from opsconductor.promql.errors import EvaluationError
from opsconductor.promql.operators import binary, elementwise, over_time, rate
from opsconductor.promql.operators.aggregation import aggregate
from opsconductor.promql.operators.arithmetic import compute
from opsconductor.promql.operators.histogram_quantile import histogram_quantile
from opsconductor.promql.samples import SampleSource, Windows, cut_windows, pick_latest
from opsconductor.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Expression,
    MatchOperator,
    Negation,
    Number,
    Selector,
    String,
)
from opsconductor.vectors.block import Block, Bools, Floats, Indices
from opsconductor.vectors.grouping import METRIC_NAME

LOOKBACK_MS = 300_000
"""How far an instant selector looks back. Prometheus: --query.lookback-delta, 5m."""

WINDOW_FUNCTIONS: dict[str, Callable[[Windows], Block]] = {
    **over_time.WINDOW_FUNCTIONS,
    "rate": rate.rate,
    "increase": rate.increase,
    "delta": rate.delta,
    "irate": rate.irate,
    "idelta": rate.idelta,
}
KEEPS_NAME = frozenset(("last_over_time",))


@dataclass(frozen=True)
class Steps:
    """Evaluation times: start, start + step, …, end, all in ms; step 0 means the one instant `start`."""

    start_ms: int
    end_ms: int
    step_ms: int

    def times(self) -> Indices:
        """The times, int64 ms ascending."""
        if self.step_ms == 0:
            return np.array([self.start_ms], dtype=np.int64)
        return np.arange(self.start_ms, self.end_ms + 1, self.step_ms, dtype=np.int64)


Result = Block | Floats | str
"""A vector, a scalar (float64 [steps]) or a string."""


def execute(expression: Expression, source: SampleSource, steps: Steps, lookback_ms: int = LOOKBACK_MS) -> Result:
    """The value of the expression at each step.

    Raises EvaluationError, or InputError from matching. A range vector is no result: its samples are raw (select them
    from the source instead).
    """
    return _Evaluation(source, steps, lookback_ms).evaluate(expression)


class _Evaluation:
    def __init__(self, source: SampleSource, steps: Steps, lookback_ms: int) -> None:
        self.source = source
        self.steps = steps
        self.times = steps.times()
        self.lookback_ms = lookback_ms

    def evaluate(self, expression: Expression) -> Result:
        match expression:
            case Number():
                return np.full(len(self.times), expression.value)
            case String():
                return expression.value
            case Selector():
                return self.select(expression)
            case Negation():
                return self.negate(expression)
            case Aggregation():
                return self.aggregate(expression)
            case Binary():
                return self.combine(expression)
            case Call():
                return self.call(expression)

    def vector(self, expression: Expression) -> Block:
        return cast("Block", self.evaluate(expression))

    def scalar(self, expression: Expression) -> Floats:
        return cast("Floats", self.evaluate(expression))

    def ends(self, selector: Selector) -> Indices:
        """Where the selector looks at each step: `@` fixes, `offset` shifts."""
        times = self.times
        if selector.at_edge:
            times = np.full_like(times, times[0] if selector.at_edge == "start" else times[-1])
        elif selector.at_ms is not None:
            times = np.full_like(times, selector.at_ms)
        return times - selector.offset_ms

    def select(self, selector: Selector) -> Block:
        ends = self.ends(selector)
        samples = self.source.select(selector.matchers, int(ends[0]) - self.lookback_ms, int(ends[-1]))
        return pick_latest(samples, ends, self.lookback_ms)[0].drop_empty()

    def windows(self, expression: Expression) -> Windows:
        selector = cast("Selector", expression)
        ends = self.ends(selector)
        samples = self.source.select(selector.matchers, int(ends[0]) - selector.range_ms, int(ends[-1]))
        return cut_windows(samples, ends, selector.range_ms)

    def negate(self, negation: Negation) -> Result:
        operand = self.evaluate(negation.expression)
        if isinstance(operand, Block):
            return binary.drop_name(Block(operand.labels, -operand.values, operand.present))
        return -cast("Floats", operand)

    def aggregate(self, node: Aggregation) -> Block:
        parameter = None if node.parameter is None else self.scalar(node.parameter)
        block = self.vector(node.expression)
        return aggregate(node.operator, block, node.names, parameter, without=node.without).drop_empty()

    def combine(self, node: Binary) -> Result:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        if isinstance(left, Block) and isinstance(right, Block):
            operation = binary.combine_sets if node.operator in ("and", "or", "unless") else binary.with_vector
            return operation(node, left, right).drop_empty()
        if isinstance(left, Block):
            return binary.with_scalar(node, left, cast("Floats", right), scalar_left=False).drop_empty()
        if isinstance(right, Block):
            return binary.with_scalar(node, right, cast("Floats", left), scalar_left=True).drop_empty()
        return compute(node.operator, cast("Floats", left), cast("Floats", right), as_bool=node.as_bool)[0]

    def call(self, node: Call) -> Result:
        name, arguments = node.name, node.arguments
        if name in WINDOW_FUNCTIONS:
            block = WINDOW_FUNCTIONS[name](self.windows(arguments[0])).drop_empty()
            return block if name in KEEPS_NAME else self.unique(binary.drop_name(block))
        if name in elementwise.ELEMENTWISE:
            return self.unique(elementwise.map_values(name, self.vector(arguments[0])))
        handler: Callable[[Call], Result] | None = getattr(self, f"call_{name}", None)
        if handler is None:
            raise EvaluationError(f"cannot evaluate {name}(): it is not supported yet")
        return handler(node)

    def unique(self, block: Block) -> Block:
        if len(set(block.labels)) != len(block.labels):
            raise EvaluationError("vector cannot contain metrics with the same labelset")
        return block

    def call_time(self, _node: Call) -> Floats:
        return self.times / 1e3

    def call_vector(self, node: Call) -> Block:
        value = self.scalar(node.arguments[0])
        return Block(((),), value[None, :], np.ones((1, len(value)), dtype=np.bool_))

    def call_scalar(self, node: Call) -> Floats:
        block = self.vector(node.arguments[0])
        single = block.present.sum(axis=0) == 1
        return np.where(single, np.where(block.present, block.values, 0.0).sum(axis=0), np.nan)

    def call_quantile_over_time(self, node: Call) -> Block:
        windows = self.windows(node.arguments[1])
        return binary.drop_name(over_time.quantile_over_time(self.scalar(node.arguments[0]), windows).drop_empty())

    def call_histogram_quantile(self, node: Call) -> Block:
        return histogram_quantile(self.scalar(node.arguments[0]), self.vector(node.arguments[1])).drop_empty()

    def call_round(self, node: Call) -> Block:
        to = self.scalar(node.arguments[1]) if len(node.arguments) > 1 else np.ones(len(self.times))
        return elementwise.round_values(self.vector(node.arguments[0]), to)

    def call_clamp(self, node: Call) -> Block:
        low, high = self.scalar(node.arguments[1]), self.scalar(node.arguments[2])
        return elementwise.clamp(self.vector(node.arguments[0]), low, high).drop_empty()

    def call_clamp_min(self, node: Call) -> Block:
        low = self.scalar(node.arguments[1])
        return elementwise.clamp(self.vector(node.arguments[0]), low, np.full_like(low, np.inf))

    def call_clamp_max(self, node: Call) -> Block:
        high = self.scalar(node.arguments[1])
        return elementwise.clamp(self.vector(node.arguments[0]), np.full_like(high, -np.inf), high)

    def call_timestamp(self, node: Call) -> Block:
        argument = node.arguments[0]
        if not isinstance(argument, Selector):
            block = self.vector(argument)
            return binary.drop_name(
                Block(block.labels, np.broadcast_to(self.times / 1e3, block.values.shape), block.present)
            )
        ends = self.ends(argument)
        samples = self.source.select(argument.matchers, int(ends[0]) - self.lookback_ms, int(ends[-1]))
        block, times_ms = pick_latest(samples, ends, self.lookback_ms)
        return binary.drop_name(Block(block.labels, times_ms / 1e3, block.present).drop_empty())

    def call_sort(self, node: Call) -> Block:
        return self.sort(node, descending=False)

    def call_sort_desc(self, node: Call) -> Block:
        return self.sort(node, descending=True)

    def sort(self, node: Call, *, descending: bool) -> Block:
        block = self.vector(node.arguments[0])
        if len(self.times) > 1:  # a range query's series have no one value to sort by
            return block
        key = -block.values[:, 0] if descending else block.values[:, 0]
        return block.take(np.argsort(key, kind="stable"))

    def call_absent(self, node: Call) -> Block:
        return self.absence(node.arguments[0], self.vector(node.arguments[0]).present)

    def call_absent_over_time(self, node: Call) -> Block:
        return self.absence(node.arguments[0], self.windows(node.arguments[0]).count > 0)

    def absence(self, argument: Expression, present: Bools) -> Block:
        """1 where no series is present, with the labels that the selector fixes."""
        labels: dict[str, str] = {}
        if isinstance(argument, Selector):
            names = [matcher.name for matcher in argument.matchers]
            labels = {
                matcher.name: matcher.value
                for matcher in argument.matchers
                if matcher.operator is MatchOperator.EQUAL
                and matcher.name != METRIC_NAME
                and names.count(matcher.name) == 1
            }
        missing = ~np.asarray(present.any(axis=0))[None, :]
        return Block((sort_labels(labels),), np.ones(missing.shape), missing).drop_empty()

    def call_label_replace(self, node: Call) -> Block:
        block = self.vector(node.arguments[0])
        target, replacement, source, pattern = (cast("str", self.evaluate(one)) for one in node.arguments[1:])
        if not is_label_name(target):
            raise EvaluationError(f"invalid destination label name in label_replace(): {target}")
        try:
            regex = re2.compile(f"(?s:{pattern})")
        except re2.error as error:
            raise EvaluationError(f"invalid regular expression in label_replace(): {pattern}") from error
        renamed = []
        for labels in block.labels:
            named = dict(labels)
            match = regex.fullmatch(named.get(source, ""))
            if match is not None:
                named[target] = _expand(replacement, match)
            renamed.append(sort_labels(named))
        return self.unique(Block(tuple(renamed), block.values, block.present))


def _expand(template: str, match: "re2._Match[str]") -> str:
    """Go's Regexp.Expand: $1, ${1}, $name, ${name}; $$ is a dollar."""
    groups = match.groupdict()

    def replace(reference: "re2._Match[str]") -> str:
        name = reference.group(1) or reference.group(2)
        if reference.group() == "$$":
            return "$"
        if name.isdigit():
            return (match.group(int(name)) or "") if int(name) <= len(match.groups()) else ""
        return groups.get(name) or ""

    return str(re2.sub(r"\$\$|\$(\w+)|\$\{(\w+)\}", replace, template))

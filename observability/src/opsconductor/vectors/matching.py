"""Which series of two blocks meet in a binary operation."""

from collections.abc import Sequence
from dataclasses import dataclass

from opsconductor.model.errors import InputError
from opsconductor.model.labels import Labels, format_labels, sort_labels
from opsconductor.vectors.grouping import METRIC_NAME, drop_labels, keep_labels


@dataclass(frozen=True)
class Matching:
    """on: match on `names` only, else on all but `names`; many: "" for one to one, "left" or "right" for group_x."""

    on: bool = False
    names: tuple[str, ...] = ()
    many: str = ""
    include: tuple[str, ...] = ()

    def sign(self, labels: Labels) -> Labels:
        """What two series must have in common."""
        if self.on:
            return keep_labels(labels, frozenset(self.names))
        return drop_labels(labels, frozenset(self.names) | {METRIC_NAME})


ONE_TO_ONE = Matching()


@dataclass(frozen=True)
class Pair:
    """Row indices into both sides and the labels of the result."""

    left: int
    right: int
    labels: Labels


def match_series(
    left: Sequence[Labels], right: Sequence[Labels], matching: Matching, *, keep_name: bool
) -> list[Pair]:
    """The pairs of rows that meet, in the order of the "many" side (or the left).

    Raises InputError where a series on a "one" side meets twice. keep_name: comparisons without bool keep the name.
    Spec: Prometheus querying/operators "Vector matching". Series that share a signature but never a step are a case
    of the caller's: rows are matched as wholes.
    """
    many, one = (right, left) if matching.many == "right" else (left, right)
    index: dict[Labels, int] = {}
    for row, labels in enumerate(one):
        signature = matching.sign(labels)
        if signature in index:
            raise InputError(
                f"cannot match series: {format_labels(signature)} is there twice on the "
                f"{'left' if matching.many == 'right' else 'right'} side; "
                "many-to-many matching is not allowed, use on(), ignoring() or an aggregation"
            )
        index[signature] = row
    pairs, seen = [], set()
    for row, labels in enumerate(many):
        signature = matching.sign(labels)
        other = index.get(signature)
        if other is None:
            continue
        if not matching.many:
            if signature in seen:
                raise InputError(
                    f"cannot match series: {format_labels(signature)} is there twice on the left side; "
                    "write group_left if that is meant"
                )
            seen.add(signature)
        result = _name_result(labels, one[other], matching, keep_name=keep_name)
        pairs.append(Pair(other, row, result) if matching.many == "right" else Pair(row, other, result))
    return pairs


def _name_result(labels: Labels, other: Labels, matching: Matching, *, keep_name: bool) -> Labels:
    if matching.many:
        named = dict(labels)
        source = dict(other)
        for name in matching.include:
            named[name] = source.get(name, "")
    elif matching.on:
        names = frozenset(matching.names) | ({METRIC_NAME} if keep_name else frozenset())
        named = dict(keep_labels(labels, names))
    else:
        named = dict(drop_labels(labels, frozenset(matching.names)))
    if not keep_name:
        named.pop(METRIC_NAME, None)
    return sort_labels(named)
